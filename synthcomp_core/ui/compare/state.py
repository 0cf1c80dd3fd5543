"""What the Compare page remembers in a session, as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from synthcomp_core.ui.render_cache import Rendered, RenderedKey
from synthcomp_core.ui.viewer import ViewState
from synthcomp_core.ui.work_queue import Job
from synthcomp_core.variants.matching import IsoMatch


@dataclass(frozen=True)
class Computed:
    """What a job has published: the rendering so far, and for a matched codec what the search found."""

    rendered: Rendered | None = None
    match: IsoMatch | None = None


@dataclass(frozen=True)
class CompareState:
    """The page between two reruns.

    has_begun: whether this session has computed anything. locks_asked: the classical families that were asked for and
    wait for their anchor. jobs: under way, by what they are about; matches, failures: likewise.
    held: the renderings on screen, which stay when the cache drops them for those of another session. view: where the
    page last moved the viewer, and jumps how often it did.
    """

    has_begun: bool = False
    locks_asked: tuple[str, ...] = ()
    jobs: Mapping[RenderedKey, Job[Computed]] = field(default_factory=dict)
    matches: Mapping[RenderedKey, IsoMatch] = field(default_factory=dict)
    failures: Mapping[RenderedKey, str] = field(default_factory=dict)
    held: Mapping[RenderedKey, Rendered] = field(default_factory=dict)
    view: ViewState | None = None
    jumps: int = 0
