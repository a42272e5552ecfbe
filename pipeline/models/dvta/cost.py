"""What a clip costs, computed from the formulas as papers do (Table 9)."""

from pipeline.models import dense
from pipeline.models.dvta.network import DVTA


def weight_macs(model: DVTA, num_classes: int) -> int:
    """Multiply-accumulates with weights, of one clip among classes whose texts are projected already.

    Where a clip's blend of texts is projected (raw keys, as in the released code), that is once a pair. At one class
    the released network has 4,883,200, the paper's 4.87 M "FLOPs"; the fast form takes a third of them at many classes.
    """
    per_pair = 0 if model.metric is None else dense.macs(model.metric)
    if model.sde is not None and model.sde.keys == "raw":
        per_pair += dense.macs(model.text)
    return dense.macs(model.visual) + num_classes * per_pair


def macs(model: DVTA, num_classes: int) -> int:
    """The same, and the products of vectors: SDE's attention and blend, and the cosine."""
    num_products = (1 if model.direct else 0) + (0 if model.sde is None else 2 * model.num_texts)
    return weight_macs(model, num_classes) + num_classes * num_products * model.dim
