"""One process of the exactness matrix: encode, then decode, under the settings of its command line and environment.

python -m tests.codecs.entropy.exactness_worker FRAMES BITSTREAMS THREADS

With and without the convolution library MKL-DNN, it encodes every frame in FRAMES by every snapshot, into ``on`` and
``off`` in the current folder. After a line on standard input it decodes every bitstream in BITSTREAMS likewise: digests
of the latents and pixels, into ``on/decoded.npz`` and ``off/decoded.npz``.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import torch

from synthcomp_core.codecs import learned
from synthcomp_core.codecs.bitstream import unpack
from synthcomp_core.codecs.entropy.latents import canonical_bytes
from synthcomp_core.library.snapshots import find_by_fingerprint, list_snapshots

MKLDNN = ("on", "off")


def main() -> None:
    """Encode, wait, decode."""
    frames, bitstreams, threads = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    for mkldnn in MKLDNN:
        _use(mkldnn)
        Path(mkldnn).mkdir()
        for path in sorted(frames.glob("*.npy")):
            image = np.load(path, allow_pickle=False)
            for card in list_snapshots("codec"):
                Path(mkldnn, f"{path.stem}-{card.id}.scb").write_bytes(_codec(card.id).encode(image))
    sys.stdout.write("encoded\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for mkldnn in MKLDNN:
        _use(mkldnn)
        decoded = {}
        for path in sorted(bitstreams.glob("*.scb")):
            bitstream = path.read_bytes()
            codec = _codec(find_by_fingerprint(unpack(bitstream).fingerprint).id)
            _, y = codec.latents(bitstream)
            decoded[f"{path.stem}:pixels"] = codec.decode(bitstream)
            digest = hashlib.sha256(canonical_bytes(y)).digest()
            decoded[f"{path.stem}:sha256"] = np.frombuffer(digest, np.uint8)
        np.savez(Path(mkldnn, "decoded.npz"), **decoded)


def _use(mkldnn: str) -> None:
    """Switch the library, and forget the codecs whose weights were prepared with the other setting."""
    torch.backends.mkldnn.set_flags(mkldnn == "on")
    learned._load.cache_clear()


def _codec(snapshot_id: str) -> learned.LearnedCodec:
    return learned.load_codec(snapshot_id, precision="float32", device="cpu")


if __name__ == "__main__":
    main()
