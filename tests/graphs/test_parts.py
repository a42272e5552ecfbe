from pipeline.graphs.parts import Params, part_of


def parts(share: float, seed: int = 0) -> list[str]:
    return [part_of(str(name), Params(val_share=share, seed=seed)) for name in range(2000)]


def test_about_the_share_validates_and_the_seed_decides_who():
    for share in (0.0, 0.1, 0.5):
        assert abs(parts(share).count("val") / 2000 - share) < 0.03
    assert parts(0.1) == parts(0.1)
    assert parts(0.1) != parts(0.1, seed=1)


def test_a_larger_share_takes_nobody_back():
    assert all(more == "val" for less, more in zip(parts(0.1), parts(0.3), strict=True) if less == "val")
