"""The panel that fetches CompressAI's published models: nothing is downloaded unless its button is clicked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from synthcomp_core.codecs.zoo import PublishedModel, fetch_published, published_models
from synthcomp_core.progress import OnProgress
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.work_queue import Job, server_queue, session_id, tell_page_once

_POLL_S = 0.5


@dataclass(frozen=True)
class FetchState:
    """What the panel remembers. job: the download that was asked for last."""

    job: Job[str] | None = None


def show_published_models() -> None:
    """Draw the panel, folded: the list of models needs CompressAI, which takes a while to load."""
    with st.expander(
        "More learned codecs", key="published", on_change="rerun", icon=":material/cloud_download:"
    ) as box:
        if not box.open:
            return
        models = {model.id: model for model in published_models() if not model.installed}
        if not models:
            st.caption("All of CompressAI's published models are installed.")
            return
        chosen = models[str(st.selectbox("CompressAI's published models", list(models), key="published_model"))]
        st.button(
            f"Get it (about {chosen.num_bytes / 2**20:.0f} MiB)",
            key="published_get",
            on_click=_fetch,
            args=(chosen,),
            help="Downloads the weights from CompressAI's server and installs them as a snapshot.",
        )
        job = load_state(FetchState).job
        if job is not None:
            st.fragment(_show_progress, run_every=None if job.status().is_over else _POLL_S)(job)


def _fetch(model: PublishedModel) -> None:
    def work(on_progress: OnProgress, publish: Callable[[str], None]) -> None:
        publish(fetch_published(model, on_progress=on_progress).id)

    job = server_queue().submit(session_id(), "fetch", model.id, work)
    store_state(FetchState(job))


def _show_progress(job: Job[str]) -> None:
    tell_page_once(job)  # The lists on the page hold what was installed; and nothing is to be asked again.
    status = job.status()
    if status.error is not None:
        st.error(plain(status.error))
    elif status.latest is not None:
        st.success(f"{plain(status.latest)} is installed.")
    elif status.is_over:
        st.warning("The download was stopped, or this page was closed; nothing was installed.")
    else:
        st.progress(status.fraction, plain(status.text))
        st.button("Stop", key="published_stop", on_click=job.stop)
