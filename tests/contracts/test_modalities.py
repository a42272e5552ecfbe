"""What the package of every modality offers, and every recipe. They are found by folder."""

import pytest

from pipeline import modalities
from pipeline.core import members
from pipeline.core.errors import ParamsError
from pipeline.datasets import shared as datasets

MODALITIES = members.names("pipeline.modalities")
RECIPES = [(name, recipe) for name in MODALITIES for recipe in members.names(f"pipeline.modalities.{name}.recipes")]


@pytest.mark.parametrize("name", MODALITIES)
class TestModality:
    def test_it_offers_what_the_stages_call(self, name):
        assert isinstance(modalities.sense(name), modalities.Modality)

    def test_a_dataset_without_it_is_refused_with_what_it_has(self, name):
        without = next(d for d in members.names("pipeline.datasets") if name not in datasets.load(d).readers)
        with pytest.raises(ParamsError, match=rf"dataset '{without}' has no {name}"):
            modalities.sense(name).read(without)

    def test_a_layout_of_another_modality_is_refused(self, name):
        encoder = members.names(f"pipeline.modalities.{name}")[0]
        with pytest.raises(ParamsError, match="'of_no_sensor'"):
            modalities.sense(name).build(encoder, {}, "of_no_sensor", "here")


@pytest.mark.parametrize("name", RECIPES, ids="-".join)
def test_a_recipe_of_pictures_says_what_it_keeps_of_them(name):
    recipe = members.load(f"pipeline.modalities.{name[0]}.recipes", name[1])
    assert isinstance(recipe, modalities.Recipe)
    assert isinstance(recipe, modalities.PictureRecipe) == (name[0] != "skeleton")
