"""Blocks of clips -> packs of the side cache, in any process."""

from pipeline.core.array_cache import ArrayCache
from pipeline.core.errors import UnseenError
from pipeline.sources import decoding
from pipeline.sources.decoding import Block


def decode(block: Block) -> int:
    """Put the clips of a block into the cache as one pack; a clip that cannot be used leaves its reason there.

    Where a file is not the one that ingest read, the clips before it are kept all the same.
    """
    failed: UnseenError | None = None
    with ArrayCache(block.cache).writing() as pack:
        try:
            for key, header, array in decoding.decoded(block):
                pack.keep(key, header, array)
        except UnseenError as error:
            failed = error
    if failed is not None:
        raise failed
    return len(block.clips)
