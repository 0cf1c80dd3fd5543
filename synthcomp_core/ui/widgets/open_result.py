"""Open a result as a side of the Live page: a file that another encoder or upscaler made of the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from synthcomp_core import limits
from synthcomp_core.errors import SynthcompError, sentence_of
from synthcomp_core.progress import OnProgress
from synthcomp_core.ui.widgets.image_picker import UPLOAD_TYPES, PickedImage
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.widgets.variant_picker import want_variant
from synthcomp_core.ui.work_queue import server_queue, session_id
from synthcomp_core.variants import Variant
from synthcomp_core.variants.opened_results import OpenedResult, forget_result, is_opened, open_result

_LIMIT_S = 600.0


@dataclass(frozen=True)
class OpenedState:
    """What one side remembers. file_id: the upload dealt with last. error: why it was not opened. note: on padding.

    image: the digest of the image with which it was opened or refused; one that was refused may fit another.
    """

    file_id: str = ""
    error: str = ""
    note: str = ""
    image: str = ""


def show_open_result(name: str, picked: PickedImage, variant: Variant) -> None:
    """Draw the field for a file of side ``name`` ("A" or "B"), folded; ``variant``: what the side shows now."""
    with st.expander(f"Open a result as {name}", key=f"open_{name}", icon=":material/file_open:"):
        st.caption(
            f"What another encoder or upscaler made of {plain(picked.name)}: any image format or a .scb, of the same "
            "size. It becomes a variant with its own bytes, on every page."
        )
        uploaded = st.file_uploader(
            f"Result {name}", type=[*UPLOAD_TYPES, "scb"], key=f"result_{name}", label_visibility="collapsed",
            max_upload_size=limits.IMAGE_UPLOAD_BYTES // limits.MIB,
        )  # fmt: skip
        state = load_state(OpenedState, name)
        is_refused = bool(state.error) and state.image != picked.sha256
        if uploaded is not None and (uploaded.file_id != state.file_id or is_refused):
            state = replace(_opened(name, picked, uploaded), image=picked.sha256)
            store_state(state, name)
            if not state.error:
                st.rerun()
        if uploaded is not None and state.error:
            st.error(plain(state.error))
        if uploaded is not None and state.note and state.image == picked.sha256:
            st.caption(plain(state.note))
        if is_opened(variant.codec):
            st.button(f"Remove {plain(variant.codec)}", key=f"forget_{name}", on_click=_forget, args=(variant.codec,))


def _opened(name: str, picked: PickedImage, uploaded: UploadedFile) -> OpenedState:
    """Bring a file to a side, or say why it cannot be."""
    content = uploaded.getvalue()

    def work(on_progress: OnProgress, publish: Callable[[OpenedResult], None]) -> None:
        publish(open_result(picked.image, picked.name, content, uploaded.name, on_progress=on_progress))

    job = server_queue().submit(session_id(), f"open-{name}", (picked.sha256, uploaded.file_id), work)
    with st.spinner("Opening the result"):
        status = job.wait(lambda status: status.is_over, _LIMIT_S)
    if status.latest is None:
        return OpenedState(uploaded.file_id, status.error or "The result was not opened; drop the file again.")
    want_variant(name.lower(), status.latest.variant)
    return OpenedState(uploaded.file_id, note=status.latest.note)


def _forget(codec: str) -> None:
    try:
        forget_result(codec)
    except (SynthcompError, OSError) as error:
        st.error(plain(sentence_of(error)))
