"""Text, without torch: captions of scene graphs, false captions, and the texts of classes.

- Captions: `captions` turns a scene graph into clauses (`clauses`, `path_cover`) and words (`realisation`, `phrases`,
  `english`); `fitting` shortens one to the tokens that CLIP reads (`clip_tokens`, `cutting`).
- False captions: `negate` applies the rules of `negatives/`, with words from `pools`, and keeps those that `truth`
  shows to be false; `certainty` says how sure that is, `leak` measures whether the text alone gives them away.
- Word meanings: `lexicon` and `predicates`, from the word lists below `words/`.
- Class texts: `sources` reads them from class names, tables, language models' answers and class graphs.
- Movement: `movement` reads sentences as movements of limbs, `movement_vectors` makes class vectors of them.
- Held-out compositions: `compositions` finds who does what to whom in graphs and texts.
"""
