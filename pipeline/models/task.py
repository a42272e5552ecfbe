"""A task: the clips of one (split, seed) to learn from, to select on and to score, with their class texts."""

# Shapes: N clips, D feature size.
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.core.hashing import array_digest, value_digest
from pipeline.core.scores import Provenance
from pipeline.models.methods.shared import Array, ClassTexts, Clips
from pipeline.models.text_space import TextSpace


@dataclass(frozen=True)
class SourceDataset:
    """What a task learns from another dataset than the one whose clips are scored."""

    source: str  # that dataset; of several their names, joined by "+"
    encoder_names: list[str]  # of its classes that the encoder was taught
    names: Mapping[int, str]  # of the classes of the clips to learn from, by their ids here, where those are of it
    kept_overlap: list[str]  # names of what was taught though it is a class of the tested dataset


@dataclass(frozen=True)
class Task:
    """One (split, seed): who is learnt from, who is selected on, who is scored."""

    split: str
    seed: int
    fit: Clips
    val: Clips
    val_classes: list[int]
    unseen: list[int]  # classes, ascending
    held_out: Clips  # of fit classes, never trained on: none where no label space asks for them
    test_ids: list[str]  # of the unseen classes
    test_features_ND: Array
    seen_test_ids: list[str]  # of the seen classes: none where no label space asks for them
    seen_test_features_ND: Array
    spaces: dict[str, list[int]]  # candidates of each label space, ascending
    encoder_classes: list[int]  # which the features' encoder was trained on
    training_clips: str | None  # digest of the clips whose labels it was taught; None: of this dataset none
    pairs: str | None  # which clips it was bound with, a word of core.scores; None: it was not bound
    paired_classes: list[int]  # of those clips
    texts: ClassTexts
    num_missing: int  # clips of these roles without features
    pretrained: str | None  # the weights of the web that the features' encoder began as; nobody knows what they saw
    one_space: bool  # features and texts may be compared: nothing says that they are of different weights
    elsewhere: SourceDataset | None = None
    refitted: "Task | None" = None  # the same with features of an encoder that was trained on all seen classes
    tests: Mapping[str, list[int]] = field(default_factory=dict)  # of splits that are spaces: places in test_ids
    text_space: TextSpace | None = None  # among which texts the features lie, as their encoder says

    @property
    def name(self) -> str:
        """As in file and group names."""
        return f"{self.split}-{self.seed}"

    @property
    def digest(self) -> str:
        """Of everything that is learnt from, selected on and scored."""
        texts = [self.texts.label_KT, *([] if self.texts.context_KT is None else [self.texts.context_KT])]
        texts += [self.texts.further[kind] for kind in sorted(self.texts.further)]
        clips_of = (self.fit, self.val, self.held_out)
        arrays = [*(clips.features_ND for clips in clips_of), self.test_features_ND, self.seen_test_features_ND, *texts]
        clips = [*(clips.class_ids for clips in clips_of), self.test_ids, self.seen_test_ids, self.fit.senses]
        classes = [
            sorted(self.texts.further),
            self.val_classes,
            self.unseen,
            self.spaces,
            self.encoder_classes,
            self.texts.class_ids,
            dict(self.tests),
        ]
        if self.refitted is not None:
            classes.append(self.refitted.digest)
        if self.elsewhere is not None:
            classes.append([self.elsewhere.source, self.elsewhere.encoder_names, sorted(self.elsewhere.names.items())])
        return value_digest([self.split, self.seed, clips, classes, [array_digest(array) for array in arrays]])

    def selection(self, by: str) -> str:
        """What to call a choice made `by` val classes, or by folds of all seen classes.

        It ends in `_seen` if the encoder was trained on or bound with classes that stand in for unseen ones, which
        inflates their scores.
        """
        known = {*self.encoder_classes, *self.paired_classes}
        of = {*self.val_classes, *(self.fit.class_ids if by == "folds" else ())}
        word = "folds" if by == "folds" else "validation"
        return f"{word}_seen" if known & of else word

    @property
    def inference(self) -> str:
        """How a score comes about: transductive where clips of unseen classes, without labels, took part in binding."""
        return "transductive" if self.pairs == "all" else "inductive"

    def tested(self, space: str) -> tuple[list[str], Array]:
        """Ids, sorted, and vectors of the clips that are scored in a label space."""
        if space in self.tests:
            places = self.tests[space]
            return [self.test_ids[place] for place in places], self.test_features_ND[places]
        if space != "gzsl":
            return self.test_ids, self.test_features_ND
        ids = [*self.test_ids, *self.seen_test_ids]
        order = sorted(range(len(ids)), key=ids.__getitem__)
        return [ids[place] for place in order], np.concatenate([self.test_features_ND, self.seen_test_features_ND])[
            order
        ]

    def last(self, refit: str) -> "Task":
        """The task of the last training and of the scores: another where the encoder is trained again too."""
        return self.refitted if refit == "both" and self.refitted is not None else self

    def training(self, refit: str) -> Clips:
        """The clips of the last training."""
        if refit == "none":
            return self.fit
        features_ND = np.concatenate([self.fit.features_ND, self.val.features_ND])
        return replace(self.fit, features_ND=features_ND, class_ids=self.fit.class_ids + self.val.class_ids)

    def training_classes(self, refit: str) -> list[int]:
        """Every class of the tested dataset that the encoder or the method was trained on, ascending."""
        return sorted({*self.encoder_classes, *self.training(refit).class_ids} - self._foreign)

    def source_classes(self, refit: str) -> list[str]:
        """The names of all classes of another dataset that the encoder or the method was taught, sorted."""
        if self.elsewhere is None:
            return []
        learnt = {self.elsewhere.names[c] for c in self.training(refit).class_ids if c in self.elsewhere.names}
        return sorted({*self.elsewhere.encoder_names, *learnt})

    def provenance(
        self,
        space: str,
        *,
        selection: str,
        refit: str,
        settings: list[str],
        selected: int,
        calibration: list[float] | None = None,
        scored_together: bool = False,
    ) -> Provenance:
        """What must be known of the scores in a label space, or in a split that stands in its place.

        With `scored_together` those of a clip depend on the other test clips.
        """
        elsewhere, taught = self.elsewhere, self.source_classes(refit)
        kept = sorted(set(elsewhere.kept_overlap) & {*taught, *self._chosen_by}) if elsewhere else []
        return Provenance(
            split=space if space in self.tests else self.split,
            seed=self.seed,
            label_space="unseen" if space in self.tests else space,
            inference="transductive" if scored_together else self.inference,
            selection=selection,
            refit=refit,
            settings=settings,
            selected=selected,
            class_ids=self.spaces[space],
            training_classes=self.training_classes(refit),
            pairs=self.pairs,
            paired_classes=sorted(set(self.paired_classes) - self._foreign),
            pretrained=self.pretrained,
            source=elsewhere.source if elsewhere else None,
            source_classes=sorted({*taught, *kept}),
            kept_overlap=kept,
            training_clips=self.training_clips,
            calibration=calibration,
            scored_together=scored_together,
        )

    @property
    def _chosen_by(self) -> set[str]:
        """Names of classes of another dataset by whose clips a setting is chosen."""
        names = self.elsewhere.names if self.elsewhere else {}
        return {names[class_id] for class_id in self.val.class_ids if class_id in names}

    @property
    def _foreign(self) -> set[int]:
        """Ids that here stand for classes of another dataset."""
        return set(self.elsewhere.names) if self.elsewhere else set()
