"""Citations and grounding: the sources that an answer names, listed behind its text."""

from __future__ import annotations

from collections.abc import Iterable

from helicone_logging.core.safe_vars import EMPTY, Vars, safe_vars
from helicone_logging.llm import safe_get
from helicone_logging.llm.placeholders import joined

MAX_SOURCES = 50
_MAX_READ = 1_000  # citations of one answer; many may name the same source

_WRAPPERS = (
    "url_citation", "file_citation", "web", "retrievedContext", "retrieved_context", "maps", "document", "data",
)  # fmt: skip
_TITLES = ("title", "document_title", "filename", "file_name", "name")
_PLACES = ("url", "uri", "source", "file_id", "id")


class Sources:
    """The sources of one answer, each once, in the order in which they are named."""

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}  # by place

    def add(self, citations: object) -> None:
        """Adds what a citation names, or what each of a list of them does.

        Args:
            citations: a URL, an annotation of OpenAI, a citation of Anthropic, Cohere or Bedrock, a chunk of Google's
                grounding, a search result, or a list of these.
        """
        for citation in (safe_get.items(citations) or [citations])[:_MAX_READ]:
            if len(self._titles) >= MAX_SOURCES:
                return
            nested = safe_get.items(safe_get.first(citation, "sources"))  # Cohere's
            for source in (nested or [citation])[:MAX_SOURCES]:
                self._add(source)

    def _add(self, citation: object) -> None:
        url = safe_get.text(citation)
        if url:
            self._titles.setdefault(url, "")
            return
        fields = safe_vars(citation)
        if not fields:  # such as the empty list that most answers have
            return
        levels = _levels(fields)
        title, place = _text_under(levels, _TITLES), _text_under(levels, _PLACES)
        if (place or title) and not self._titles.get(place or title):
            self._titles[place or title] = title

    def text(self) -> str:
        """Returns one line for each source; empty when there is none."""
        return joined(
            f"[source {number}] {title + ', ' if title and title != place else ''}{place}"
            for number, (place, title) in enumerate(self._titles.items(), 1)
        )


def with_sources(said: str, *citations: object) -> str:
    """Returns an answer with its sources behind it.

    Args:
        said: the answer.
        citations: as in `Sources.add`; None for none.
    """
    if all(found is None for found in citations):  # as of nearly all answers
        return said
    sources = Sources()
    for found in citations:
        sources.add(found)
    return joined((said, sources.text()))


def _levels(fields: Vars) -> list[Vars]:
    """What a citation holds, and what it wraps; Bedrock's wraps it once more, in `location`."""
    levels = [fields]
    for outer in (fields, safe_vars(fields.get("location")) or EMPTY):
        levels += [within for wrapper in _WRAPPERS if (within := safe_vars(outer.get(wrapper)))]
    return levels


def _text_under(levels: Iterable[Vars], names: tuple[str, ...]) -> str:
    found = (safe_get.text(fields.get(name)) for name in names for fields in levels)
    return next((text for text in found if text), "")
