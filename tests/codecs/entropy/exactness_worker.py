"""One process of the exactness matrix: encode and decode under the settings that its command line and environment say.

python -m tests.codecs.entropy.exactness_worker encode|decode FOLDER THREADS MKLDNN
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import torch

from synthcomp_core.codecs.bitstream import unpack
from synthcomp_core.codecs.entropy.latents import canonical_bytes
from synthcomp_core.codecs.learned import load_codec
from synthcomp_core.library.snapshots import find_by_fingerprint, list_snapshots


def main() -> None:
    """encode: every frame in FOLDER through every snapshot. decode: every bitstream in FOLDER, latents digest and
    pixels, to the file ``decoded.npz`` in the current folder. Bitstreams go to the current folder."""
    verb, folder, threads, mkldnn = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "on"
    torch.set_num_threads(threads)
    torch.backends.mkldnn.set_flags(mkldnn)
    if verb == "encode":
        for path in sorted(folder.glob("*.npy")):
            image = np.load(path, allow_pickle=False)
            for card in list_snapshots("codec"):
                codec = load_codec(card.id, precision="float32", device="cpu")
                Path(f"{path.stem}-{card.id}.scb").write_bytes(codec.encode(image))
        return
    decoded = {}
    for path in sorted(folder.glob("*.scb")):
        bitstream = path.read_bytes()
        card = find_by_fingerprint(unpack(bitstream).fingerprint)
        codec = load_codec(card.id, precision="float32", device="cpu")
        _, y = codec.latents(bitstream)
        decoded[f"{path.stem}:pixels"] = codec.decode(bitstream)
        digest = hashlib.sha256(canonical_bytes(y)).digest()
        decoded[f"{path.stem}:sha256"] = np.frombuffer(digest, np.uint8)
    np.savez("decoded.npz", **decoded)


if __name__ == "__main__":
    main()
