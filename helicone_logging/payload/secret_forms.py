"""Secrets that their own form tells: tokens with a prefix, key blocks, headers, URLs, addresses, card numbers.

A finder looks at one place of a text, where something stood that can start its kind, and returns the secret's span.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

Span = tuple[int, int]
Finder = Callable[[str, int], "Span | None"]
Finders = dict[tuple[str, ...], tuple[tuple[str, Finder], ...]]
"""By signs of which one must stand in a text: where a secret can start, and who looks there."""


def words_of(text: str) -> frozenset[str]:
    """Returns the words of a text."""
    return frozenset(text.split())


_INVISIBLE = "\u00ad\u200b-\u200d\u2060\ufeff"  # zero-width characters that come along when a token is copied
# Where a word begins, be it after an escape of JSON (`\n`, `\u003d`) or of a URL (`%3D`).
_EDGE = r"(?:(?<![A-Za-z\d])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"

# ---- Tokens with a prefix -------------------------------------------------------------------------------------------

_ANY = rf"[A-Za-z0-9_\-{_INVISIBLE}]"
# What stands before the joint (`-`, `_` or `.`), and what follows it. https://github.com/gitleaks/gitleaks has most.
_PREFIXED: tuple[tuple[str, str, str], ...] = (
    ("-", r"sk|pk|rk", rf"{_ANY}{{16,}}"),  # OpenAI, Anthropic, Helicone, OpenRouter, Langfuse, DeepSeek
    ("-", r"xai", rf"{_ANY}{{16,}}"),
    # Perplexity, Tavily, PyPI, Slack, New Relic, Postman, GitLab
    ("-", r"pplx|tvly|pypi|xapp|xox[a-z]|NRAK|PMAK|gldt|glrt|glft", rf"{_ANY}{{16,}}"),
    ("-", r"nvapi|CFPAT|glpat|gloas", rf"{_ANY}{{16,}}"),  # NVIDIA, Contentful, GitLab
    ("-", r"xkeysib", rf"{_ANY}{{32,}}"),  # Brevo
    ("-", r"AGE-SECRET-KEY", r"1[A-Z0-9]{40,}"),
    ("-", r"tskey-auth", rf"{_ANY}{{16,}}"),  # Tailscale
    ("-", r"key", r"[0-9a-f]{32}(?![0-9a-f])"),  # Mailgun
    ("-", r"pul", r"[0-9a-f]{40}(?![0-9a-f])"),  # Pulumi
    ("-", r"sq0(?:atp|csp)", rf"{_ANY}{{20,}}"),  # Square
    ("_", r"sk|pk|rk|hf|r8|fw", rf"{_ANY}{{16,}}"),  # Stripe, Clerk, Hugging Face, Replicate, Fireworks
    ("_", r"gsk|npm|ntn|sbp|rpa|glc", rf"{_ANY}{{16,}}"),  # Groq, npm, Notion, Supabase, RunPod, Grafana
    ("_", r"whsec", r"[A-Za-z0-9_+/=\-]{16,}"),  # Stripe, Svix
    ("_", r"figd|glsa|live|test", rf"{_ANY}{{20,}}"),  # Figma, Grafana, Mollie
    ("_", r"gh[pousr]", r"[A-Za-z0-9]{20,}"),  # GitHub
    ("_", r"github_pat", rf"{_ANY}{{20,}}"),
    ("_", r"do[opr]_v1", r"[0-9a-f]{32,}"),  # DigitalOcean
    ("_", r"shp(?:at|ss|ca|pa)", r"[0-9a-fA-F]{32}"),  # Shopify
    ("_", r"lin_api|lsv2_pt|lsv2_sk", rf"{_ANY}{{20,}}"),  # Linear, LangSmith
    ("_", r"dckr_[po]at", rf"{_ANY}{{20,}}"),  # Docker Hub
    ("_", r"sntry[su]", r"[A-Za-z0-9_+/=\-]{32,}"),  # Sentry
    ("_", r"rubygems", r"[0-9a-f]{32,}"),
    ("_", r"pscale_(?:tkn|oau)", rf"{_ANY}{{20,}}"),  # PlanetScale
    (".", r"ya29", rf"{_ANY}{{16,}}"),  # Google
    (".", r"hv[sbr]", rf"{_ANY}{{20,}}"),  # Vault
    (".", r"SG", rf"{_ANY}{{16,64}}\.{_ANY}{{16,128}}"),  # SendGrid
    (".", r"dp\.(?:pt|st|ct|sa)", r"[A-Za-z0-9.]{32,}"),  # Doppler
    (".", r"[A-Za-z0-9_\-]{24}", rf"[A-Za-z0-9_\-]{{6}}\.{_ANY}{{27,64}}"),  # Discord
    ("A", r"", r"(?:KIA|SIA|BIA|CCA)[0-9A-Z]{16}(?![0-9A-Za-z])"),  # AWS
    ("A", r"", r"Iza[0-9A-Za-z_\-]{30,}"),  # Google
    ("A", r"", r"TATT3[A-Za-z0-9_\-=]{30,}"),  # Atlassian
    ("S", r"", r"K[0-9a-f]{32}(?![0-9A-Za-z])"),  # Twilio
    # JSON web tokens. None begins within another, so that no stretch is read twice.
    ("J", r"(?<![_\-])ey", r"[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*){0,3}"),
    *((":", rf"\d{{{digits}}}", r"AA[A-Za-z0-9_\-]{31,}") for digits in (8, 9, 10)),  # Telegram
)
# Other tokens look like chance; names of things, like `sk-learn-contrib`, do not.
_SURE = re.compile(r"[sp]k-helicone-|gh[pousr]_|A[KSBC]|SK|ya29|hv[sbr]\.|eyJ|\d{8,10}:")


_LONG = rf"[A-Za-z0-9_.+/=\-{_INVISIBLE}]{{16}}"  # what follows a joint at least


def _token_pattern() -> re.Pattern[str]:
    """One pattern that begins with one of a few rare characters, so that the search for it is quick in prose."""
    joints = sorted({joint for joint, _, _ in _PREFIXED})
    return re.compile("|".join(f"{re.escape(joint)}(?={_LONG})(?:{_at_joint(joint)})" for joint in joints))


def _at_joint(joint: str) -> str:
    kinds = ((before, body) for at, before, body in _PREFIXED if at == joint)
    return "|".join(
        f"(?<=((?:{before}){re.escape(joint)}))(?<={_EDGE}(?:{before}){re.escape(joint)}){body}"
        for before, body in kinds
    )


_TOKEN = _token_pattern()
_DROPPED = dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))


def tokens(text: str) -> list[Span]:
    """Returns where the tokens of a text are that a prefix tells, and no other."""
    spans = []
    for match in _TOKEN.finditer(text):
        start, end = match.start(match.lastindex or 0), match.end()
        token = text[start:end].translate(_DROPPED)
        if _SURE.match(token) or looks_random(token):
            spans.append((start, end))
    return spans


_DIGITS = "0123456789"
_CHANGE = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
_PART = re.compile(r"[A-Za-z0-9]{7,}")


def looks_random(token: str) -> bool:
    """Returns whether a part of a token looks like chance: letters and digits mixed, or longer than a word.

    Args:
        token: letters, digits and what joins them; `scikit-learn-0.24.2` has no such part.
    """
    return any(_is_chance(part) for part in _PART.findall(token[:512]))


def _is_chance(part: str) -> bool:
    if len(part) >= 24:
        return True
    changes = len(_CHANGE.findall(part))
    return changes > 1 or (changes == 1 and (len(part) >= 16 or not (part.islower() or part.isupper())))


_PLACEHOLDER = re.compile(
    r"""[*•.…_#\-]+ | [xX]{3,} | \[.* | \$?[({<].* | \$[A-Za-z_]\w*[})]? | %[\w(].{0,32}
      | (?:<|your|my|the|some|change|replace|insert|enter|put|add|redacted|masked|hidden|filtered|placeholder)
        (?:[ _\-.].{0,64})? | change_?me | todo | tbd | n/?a | no | none | null | nil | undefined
      | true | false | --""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def is_placeholder(value: str) -> bool:
    """Returns whether a value stands where a secret belongs: `***`, `${NAME}`, `<password>`, `YOUR_API_KEY`, `None`."""
    return _PLACEHOLDER.fullmatch(value.strip()) is not None


# ---- What a word tells ----------------------------------------------------------------------------------------------

_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----")
_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----")
_LINES_BACKWARDS = re.compile(r"[A-Za-z0-9+/=\r\n\\]{0,8192}")
_KEY_BLOCK = 8192  # characters
_BLANK = r"(?:[ \t]|%20|\+){1,4}"
_BEARER = re.compile(rf"(?i:bearer){_BLANK}[\"'\\]{{0,4}}(?P<secret>[A-Za-z0-9._~+/\-]{{8,}}=*)")
_BASIC = re.compile(rf"(?i:basic){_BLANK}(?P<secret>[A-Za-z0-9+/]{{6,}}=*)")
_COOKIE = re.compile(
    r"""cookies?[\"'\\]{0,8}[ \t]{0,4}[:=,][ \t]{0,4}[\"'\\]{0,8}
        (?P<secret>[\w.\-]{1,64}=[^\s;\"'\\]{4,4096}(?:;[ ]?[^\s;\"'\\]{1,4096}){0,64})""",
    re.IGNORECASE | re.VERBOSE,
)
_SLACK_HOOK = re.compile(r":[/\\]{2,4}hooks\.slack(?:-gov)?\.com[/\\]{1,2}(?P<secret>[\w/\\]{20,200})")
_DISCORD_HOOK = re.compile(
    r":[/\\]{2,4}[\w.]{0,16}discord(?:app)?\.com[/\\]{1,2}api[/\\]{1,2}webhooks[/\\]{1,2}(?P<secret>\d{16,20}[/\\]{1,2}[\w\-]{40,100})"
)
_USER = re.compile(r"[^\s/:@\"'<>\\]{0,128}")
_LONGEST_PASSWORD = 258  # characters, in a URL
_URL_PASSWORD = re.compile(
    r"""(?P<secret>(?!\d{1,5}(?:[/?\#\\\s]|$)) # a port and a path
         (?:[^\s@\"'<>\\]|\\/){1,256}(?:@[^\s@\"'<>\\/?\#:,]{1,128}(?=@))?)@""",
    re.VERBOSE,
)


def _private_key(text: str, at: int) -> Span | None:
    """From its first line to its last; where that is missing, as the text was cut, to the end of the text."""
    if not (begin := _BEGIN.match(text, at)):
        return None
    end = text.find("-----END ", begin.end())
    last = _END.match(text, end) if end >= 0 else None
    return begin.start(), last.end() if last else max(end, begin.end()) if end >= 0 else len(text)


def _end_of_private_key(text: str, at: int) -> Span | None:
    """The lines before the last one: the first may have been cut off."""
    if not (end := _END.match(text, at)):
        return None
    lines = _LINES_BACKWARDS.match(text[max(0, at - _KEY_BLOCK) : at][::-1])
    length = lines.end() if lines else 0
    return (at - length, end.end()) if length > 16 else None


def _bearer(text: str, at: int) -> Span | None:
    """RFC 6750: anything may follow; an ordinary word may as well."""
    match = _BEARER.match(text, at)
    if not match:
        return None
    secret = match["secret"].rstrip(".-")
    is_word = secret.isascii() and not any(character in "0123456789=" for character in secret)
    is_word = is_word and len(secret) < 24 and (secret.islower() or secret.istitle() or secret.isupper())
    return None if is_word or is_placeholder(secret) else match.span("secret")


def _basic(text: str, at: int) -> Span | None:
    """RFC 7617: what follows is `user:password` in base64."""
    match = _BASIC.match(text, at)
    if not match:
        return None
    secret = match["secret"].rstrip("=")
    if secret.isalpha() and (secret.islower() or secret.istitle() or secret.isupper()):
        return None  # "Basic information"
    try:
        decoded = base64.b64decode(secret + "=" * (-len(secret) % 4))
    except binascii.Error:
        return None
    return match.span("secret") if b":" in decoded and decoded.isascii() else None


def _secret_of(pattern: re.Pattern[str]) -> Finder:
    def find(text: str, at: int) -> Span | None:
        match = pattern.match(text, at)
        return match.span("secret") if match else None

    return find


_HOOKS = (_SLACK_HOOK, _DISCORD_HOOK)


def _url(text: str, at: int) -> Span | None:
    return _password_in_url(text, at) or _hook(text, at)


def _hook(text: str, at: int) -> Span | None:
    """The path of a webhook is its secret."""
    for pattern in _HOOKS:
        if match := pattern.match(text, at):
            return match.span("secret")
    return None


def _password_in_url(text: str, at: int) -> Span | None:
    """`scheme://user:password@host`, and `scheme://token@host`."""
    start = at + (7 if text.startswith(":\\/\\/", at) else 3)
    user = _USER.match(text, start)
    end = user.end() if user else start
    after = text[end : end + 1]
    if after == "@" and looks_random(text[start:end]):
        return start, end
    has_host = after == ":" and text.find("@", end, end + _LONGEST_PASSWORD) >= 0
    match = _URL_PASSWORD.match(text, end + 1) if has_host else None
    if not match or is_placeholder(match["secret"]):
        return None
    return match.span("secret")


# ---- E-mail addresses -----------------------------------------------------------------------------------------------

_LOCAL_BACKWARDS = re.compile(r"[\w.+\-]{1,64}")
_DOMAIN = re.compile(r"(?:@|%40)((?:[^\W_](?:[\w\-]{0,62})\.){1,8}[^\W\d_][\w\-]{1,62})")
_VERSION = re.compile(r"\d+(?:\.\d+|x\.)")
_NO_PEOPLE = frozenset(("git", "hg", "svn"))
_FILES = words_of("png jpg jpeg gif webp svg ico avif css js mjs ts map json html py")


def _address(text: str, at: int) -> Span | None:
    local = _LOCAL_BACKWARDS.match(text[max(0, at - 64) : at][::-1])
    domain = _DOMAIN.match(text, at) if local else None
    if not local or not domain:
        return None
    start = at - local.end()
    if text[start:at].lower() in _NO_PEOPLE or _VERSION.match(domain[1]) or _is_host_of_url(text, start):
        return None
    if domain[1].rpartition(".")[2].lower() in _FILES:
        return None
    return start, domain.end()


def _is_host_of_url(text: str, start: int) -> bool:
    """`//user:password@host`, `//token@host`: what is before the @ is another finder's, and the host stays."""
    return text[start - 1 : start] in (":", "/") and "//" in text[max(0, start - 130) : start]


FINDERS: Finders = {
    (" ",): (("bearer ", _bearer), ("basic ", _basic)),
    ("--",): (("-----begin", _private_key), ("-----end", _end_of_private_key)),
    (":",): (("://", _url), (":\\/\\/", _url), ("cookie", _secret_of(_COOKIE))),
    ("@", "%40"): (("@", _address), ("%40", _address)),
}

# ---- Card numbers ---------------------------------------------------------------------------------------------------

LEAST_CARD_DIGITS = 14
_BETWEEN = r"[ \t.\-\u00a0\u2007\u2009\u202f\u2010-\u2015]{1,2}"
_CARD = re.compile(
    rf"""[2-6２-６](?=\d{{3}})(?<={_EDGE}.)(?<!\d[.,]\d)
         (?: \d{{13,18}}
           | \d{{3}}(?:{_BETWEEN}\d{{4}}){{3}}(?:{_BETWEEN}\d{{3}})?
           | \d{{3}}{_BETWEEN}\d{{6}}{_BETWEEN}\d{{4,5}} )
         (?![A-Za-z\d])(?![.,]\d)""",
    re.VERBOSE,
)
# The ranges of the schemes, with their lengths. https://en.wikipedia.org/wiki/Payment_card_number
_SCHEMES = re.compile(
    r"""4\d{15}(?:\d{3})?                                            # Visa
      | 5[1-5]\d{14} | 2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}   # Mastercard
      | 3[47]\d{13}                                                  # American Express
      | 3(?:0[0-5]|[689]\d)\d{11}                                    # Diners Club
      | 6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12}(?:\d{1,3})?              # Discover, UnionPay
      | 35(?:2[89]|[3-8]\d)\d{12}                                    # JCB
      | (?:50|5[6-9]|6[37])\d{14}                                    # Maestro""",
    re.VERBOSE,
)


def cards(text: str) -> list[Span]:
    """Returns where the card numbers of a text are."""
    return [match.span() for match in _CARD.finditer(text) if _is_card(match[0])]


def _is_card(text: str) -> bool:
    digits = [int(character) for character in text if character.isdecimal()]
    return bool(_SCHEMES.fullmatch("".join(map(str, digits)))) and _luhn(digits)


def _luhn(digits: list[int]) -> bool:
    """The check digit of ISO/IEC 7812-1: a number that fails it is an order number, a timestamp, no card."""
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0
