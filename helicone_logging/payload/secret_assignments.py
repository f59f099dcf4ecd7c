r"""Secrets that a name tells: `DB_PASSWORD=...`, `"clientSecret": "..."`, `--api-key ...`, `password is ...`.

A strong name (`password`, `secret`, `api_key`, ...) has every value masked that is no placeholder, code or prose. A
weak one (`token`, `authorization`, `sid`, ...) names many things; only a value that looks like chance is masked.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache

from helicone_logging.payload.secret_forms import Finders, Span, is_placeholder, words_of

# ---- Names ----------------------------------------------------------------------------------------------------------


class Strength(IntEnum):
    """How sure a name is to name a secret."""

    NONE = 0
    WEAK = 1
    STRONG = 2


_STRONG = (
    *("password", "passwd", "passphrase", "passcode", "passwort", "pwd", "secret"),
    *("apikey", "accesskey", "secretkey", "privatekey", "accountkey"),
)
_WEAK = ("token", "authorization", "credential", "credentials", "sessid", "sessionid")
_WEAK_WORDS = frozenset(("auth", "pass", "pw", "sid", "sig", "signature"))
_KEY_OWNERS = words_of(
    "api access secret private account master signing encryption shared auth storage subscription license admin "
    "service client consumer app application deploy webhook hmac jwt functions integration"
)
# Tokens that say where to go on, or that a model reads.
_HARMLESS_TOKENS = words_of(
    "page next previous prev continuation continue sync cursor pad eos bos unk stop mask sep cls special start end "
    "first last max min per"
)
_ADDITIONS = words_of(
    "value base raw plain plaintext string production prod staging dev test live old new current confirm confirmation"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[a-z]+")
_LONGEST_NAME = 64  # characters
_NAME_BACKWARDS = re.compile(r"[A-Za-z0-9_.\-]{0,64}")
_OPTION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,63}")
_OWNER_BACKWARDS = re.compile(r" ([A-Za-z]{2,16})(?![A-Za-z])")
_ESCAPE = re.compile(r"u[0-9A-Fa-f]{4}|[nrtbf]")


def names_a_secret(key: str) -> bool:
    """Returns whether an attribute's value is a secret whatever it is.

    Args:
        key: the attribute's name: `aws.secret`, `user_token`, `clientSecret`; not `max_tokens` or `token_count`.
    """
    words = _words_of(key[-_LONGEST_NAME:])
    strength = _strength_of(words)
    if strength is Strength.WEAK and words[-1].endswith(_WEAK):
        return True
    is_header = bool(words) and (words[-1] in ("cookie", "cookies") or words[-2:] == ["helicone", "auth"])
    return strength is Strength.STRONG or is_header


@lru_cache(maxsize=4096)
def _strength(name: str) -> Strength:
    return _strength_of(_words_of(name))


def _words_of(name: str) -> list[str]:
    words = _WORD.findall(_CAMEL.sub("_", name).lower())
    while len(words) > 1 and words[-1] in _ADDITIONS:
        words.pop()
    return words


def _strength_of(words: list[str]) -> Strength:
    if not words:
        return Strength.NONE
    last, owner = words[-1], words[-2] if len(words) > 1 else ""
    if last.endswith(_STRONG) or (last == "key" and owner in _KEY_OWNERS):
        return Strength.STRONG
    if last.endswith(_WEAK) or last in _WEAK_WORDS:
        return Strength.NONE if owner in _HARMLESS_TOKENS else Strength.WEAK
    return Strength.NONE


def _strength_in(text: str, at: int, end: int) -> Strength:
    """The strength of the name that ends at `end`, and has a word that begins at `at`."""
    backwards = _NAME_BACKWARDS.match(text[max(0, at - _LONGEST_NAME) : at][::-1])
    start = at - (backwards.end() if backwards else 0)
    if text[start - 1 : start] == "\\" and (escape := _ESCAPE.match(text, start, at)):
        start = escape.end()  # what `\n` or `\u0022` leaves of itself
    name = text[start:end]
    if start == at and (owner := _OWNER_BACKWARDS.match(text[max(0, at - 20) : at][::-1])):
        name = f"{owner[1][::-1]}_{name}"  # API key
    if name == "key" and text[at - 1 : at] in ("?", "&"):
        return Strength.WEAK
    return _strength(name)


# ---- Values ---------------------------------------------------------------------------------------------------------

_SEPARATOR = re.compile(
    r"""(?P<name>[A-Za-z0-9_\-]{0,64})(?![A-Za-z0-9_\-])
        (?:[\"'`\]\\]{1,8}|&quot;|&\#3[49];|%22|\\{1,4}u0022)? [ \t]{0,8}
        (?: :[ ]?[A-Za-z_][\w.]{0,30}(?:\[\w{1,20}\])?(?:[ ]?\|[ ]?None)?[ ]?(?==[^=]) )?   # an annotation
        (?: (?P<compares>[!=]==?) | (?P<equals>=>?|%3[Dd]|\\{1,4}u003[Dd]|:=|->) | (?P<tag>>)(?=[^<>]{1,512}</)
          | (?P<colon>:|%3[Aa]|\\{1,4}u003[Aa]) )
        (?P<blank>[ \t]{0,8})""",
    re.VERBOSE,
)
# So much of a value is judged; if it is masked, the rest of it is as well.
_VALUE = re.compile(
    r"""(?:(?:[rbfu]|SecretStr\()(?=[\"']))?
        (?: \"(?P<double>[^\"\\]{0,256}(?:\\.[^\"\\]{0,256}){0,8})
          | '(?P<single>[^'\\]{0,256}(?:\\.[^'\\]{0,256}){0,8})
          | `(?P<tick>[^`]{0,256})
          | \\{1,8}[\"'](?P<escaped>[^\"'\\]{0,256}(?:\\{1,8}[^\"'\\][^\"'\\]{0,256}){0,8})
          | (?:&quot;|&\#3[49];|%22|\\{1,4}u0022)(?P<entity>[^&%\\\s\"]{1,256})
          | (?P<bare>[^\s\"'`,;&<>\\]{1,256}) )""",
    re.VERBOSE | re.DOTALL,
)
_REST = {
    "double": re.compile(r"(?:[^\"\\]|\\.)*", re.DOTALL),
    "single": re.compile(r"(?:[^'\\]|\\.)*", re.DOTALL),
    "tick": re.compile(r"[^`]*"),
    "escaped": re.compile(r"(?:[^\"'\\]|\\{1,8}[^\"'\\])*"),
    "entity": re.compile(r"[^&%\\\s\"]*"),
    "bare": re.compile(r"[^\s\"'`,;&<>\\]*"),
}
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
_BLANK = re.compile(r"\s")
_SCHEME = re.compile(r"(?:bearer|basic|bot|token|apikey|negotiate)\s{1,4}", re.IGNORECASE)
_CODE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*[(\[|].*|[A-Za-z_]+(?:\.[A-Za-z_]+)+", re.DOTALL)
_PATH = re.compile(r"(?:[~.]{0,2}/|[A-Za-z]:\\|[a-z][a-z0-9+.\-]{1,20}://).*", re.DOTALL)
_PLAIN_WORDS = re.compile(r"[^\W\d_]{2,24}(?:[ ][^\W\d_]{2,24}){0,11}(?=[.!]?(?:$|[\r\n,;\"'<}\])\\]))")
_SPEAKS_OF_SECRETS = re.compile(r"pass|pwd|secret|token|credential|(?<![a-z])key", re.IGNORECASE)
# Words of descriptions, messages and code, which no password of words is made of.
_DESCRIPTIVE = words_of(
    """a an the this that these is are was were be been being am do does did has have had will would can could may might
    must shall should not no nor or and but if then else when where who what why how which there here it its he she they
    we you i my your our their his her of in on at by to for from with without about as into over under between after
    before than so too very all any each every some none other more most least only own same such both few
    required optional field fields string strings str text bytes int integer number numbers boolean bool float object
    array list dict map type value values name username user users email login account client server default example
    sample placeholder missing invalid expired wrong incorrect unknown unset empty blank null nil undefined true false
    valid ok okay set needed forgotten reset changed updated rotated revoked disabled enabled hidden redacted masked
    removed protected encrypted hashed minimum maximum length characters long short new old current please enter use
    see check try add generate create rotate store ask inherit yes off"""
)
_ALGORITHM = re.compile(r"(?:sha|md|bcrypt|scrypt|base|utf|oauth|pbkdf|argon|aes|rsa|rot|v)-?\d", re.IGNORECASE)


def _assigned(text: str, at: int) -> Span | None:
    separator = _SEPARATOR.match(text, at)
    value = _VALUE.match(text, separator.end()) if separator else None
    if not separator or not value:
        return None
    strength = _strength_in(text, at, separator.end("name"))
    if strength is Strength.NONE:
        return None
    if value["bare"] is None:
        return _whole(value, _quoted(value, strength))
    if separator["compares"]:
        return None  # code
    return _whole(value, _bare(text, value, strength, said=bool(separator["colon"] and separator["blank"])))


def _whole(value: re.Match[str], judged: Span | None) -> Span | None:
    """The span of a value of which only the beginning was judged."""
    group = value.lastgroup or ""
    if judged is None or judged[1] != value.end(group):
        return judged
    rest = _REST[group].match(value.string, judged[1])
    return judged[0], rest.end() if rest else judged[1]


def _quoted(value: re.Match[str], strength: Strength) -> Span | None:
    group = value.lastgroup or ""
    start, end = value.span(group)
    scheme = _SCHEME.match(value.string, start, end)
    start = scheme.end() if scheme else start
    secret = value.string[start:end]
    if is_placeholder(secret) or _PATH.fullmatch(secret):
        return None
    if strength is Strength.WEAK:
        return (start, end) if _looks_assigned(secret) else None
    return None if _is_description(secret) else (start, end)


def _is_description(secret: str) -> bool:
    """Whether a text in quotes speaks of a secret and is none: a label, a message, a type."""
    words = secret.lower().split()
    if _DIGIT.search(secret):
        return False
    if not _LETTER.search(secret) or _SPEAKS_OF_SECRETS.search(secret):
        return True
    return any(word.strip(".:!?…*") in _DESCRIPTIVE for word in words[:2])


_BRACKETS = ")]}|"
_BRACKETS_AND_STOPS = _BRACKETS + ".?!:"


def _bare(text: str, value: re.Match[str], strength: Strength, *, said: bool) -> Span | None:
    """A value without quotes.

    Args:
        text: what it stands in.
        value: the match.
        strength: of its name.
        said: whether it follows a colon and a blank, as in prose and YAML.
    """
    start, end = value.span("bare")
    scheme = _SCHEME.match(text, start)
    if scheme and (behind := _VALUE.match(text, scheme.end())) and behind["bare"]:
        start, end = behind.span("bare")
    raw = text[start:end]
    secret = raw.rstrip(_BRACKETS_AND_STOPS)
    end = start + len(secret if said else raw.rstrip(_BRACKETS))
    if not secret or is_placeholder(secret) or is_placeholder(raw) or _CODE.fullmatch(secret) or _CODE.fullmatch(raw):
        return None
    if _PATH.match(secret) and not _looks_assigned(secret[1:].replace("/", "")):
        return None
    if strength is Strength.WEAK:
        return (start, end) if _looks_assigned(secret) else None
    if said and secret.isalpha():
        return _passphrase(text, start)
    if secret.lower() in _DESCRIPTIVE or _is_reference(secret):
        return None
    return start, end


def _passphrase(text: str, start: int) -> Span | None:
    """A password of plain words, up to the end of its line; not a description of one."""
    words = _PLAIN_WORDS.match(text, start)
    if not words or not _DESCRIPTIVE.isdisjoint(words[0].lower().split()) or _SPEAKS_OF_SECRETS.search(words[0]):
        return None
    return words.span()


def _is_reference(secret: str) -> bool:
    """`password=db_password`, `api_key=api_key`: code that hands it on."""
    return secret.isidentifier() and not _DIGIT.search(secret) and bool(_SPEAKS_OF_SECRETS.search(secret))


def _looks_assigned(secret: str) -> bool:
    """Whether the value of a weak name looks like chance."""
    if len(secret) < 8 or _BLANK.search(secret):
        return False
    digits, letters = _DIGIT.search(secret), _LETTER.search(secret)
    mixed = not (secret.islower() or secret.isupper())
    return bool((digits and letters) or secret.isdecimal() or (len(secret) >= 20 and mixed))


# ---- Without a separator --------------------------------------------------------------------------------------------

_SAID = re.compile(r"(?P<name>[A-Za-z0-9_]{4,64})[ ](?:(?:is|was|to)[ ])?")
_SAID_VALUE = re.compile(
    r"\"(?P<double>[^\s\"]{4,256})\"|'(?P<single>[^\s']{4,256})'|(?P<bare>[^\s\"'`,;<>()\\]{6,256})"
)
_BEHIND_OPTION = re.compile(r"(?:[\"'],)?[ \t]{1,8}(?!-)")
_SHORT_OPTION = re.compile(r" -(?:u ?[^\s:\"']{1,64}:|p ?|a )[\"']?(?P<secret>[^\s\"'\\]{3,256})")
_COMMANDS = {
    "u": re.compile(r"\bcurl\b|\bwget\b|\bhttp\b"),
    "a": re.compile(r"\bredis-cli\b"),
    "p": re.compile(r"\bsshpass\b|\b(?:docker|podman|az) login\b"),
    "attached p": re.compile(r"\b(?:mysql|mariadb|sshpass)"),
}


def _said(text: str, at: int) -> Span | None:
    """`password hunter2` of a netrc, `password is hunter2`, `PASSWORD 'hunter2'` of SQL."""
    said = _SAID.match(text, at)
    value = _SAID_VALUE.match(text, said.end()) if said else None
    if not said or not value or _strength_in(text, at, said.end("name")) is not Strength.STRONG:
        return None
    start = value.start(value.lastgroup or "")
    secret = value[value.lastgroup or ""].rstrip(".?!:")
    if is_placeholder(secret) or _is_description(secret) or _PATH.fullmatch(secret):
        return None
    return (start, start + len(secret)) if value["bare"] is None or _is_said(secret) else None


def _is_said(secret: str) -> bool:
    is_mixed = _DIGIT.search(secret) and _LETTER.search(secret)
    return bool(is_mixed and not _ALGORITHM.match(secret) and not _CODE.fullmatch(secret))


def _long_option(text: str, at: int) -> Span | None:
    """`--api-key X`; with `=` between, it is an assignment like others."""
    name = _OPTION_NAME.match(text, at + 2)
    blank = _BEHIND_OPTION.match(text, name.end()) if name and _strength(name[0]) is not Strength.NONE else None
    value = _VALUE.match(text, blank.end()) if name and blank else None
    if not name or not value:
        return None
    strength = _strength(name[0])
    judged = _quoted(value, strength) if value["bare"] is None else _bare(text, value, strength, said=False)
    return _whole(value, judged)


def _short_option(text: str, at: int) -> Span | None:
    """`curl -u ada:X`, `mysql -pX`, `redis-cli -a X`."""
    option = _SHORT_OPTION.match(text, at)
    if not option or is_placeholder(option["secret"]):
        return None
    letter = text[at + 2]
    attached = letter == "p" and text[at + 3] != " "
    command = text[max(0, at - 160) : at].rpartition("\n")[2]
    return option.span("secret") if _COMMANDS["attached p" if attached else letter].search(command) else None


_WORDS = ("pass", "pwd", "secret", "token", "key", "auth", "credential")
FINDERS: Finders = {
    (" ",): (("pass", _said), (" -", _short_option)),
    ("--",): (("--", _long_option),),
    ("=", "%", "\\"): tuple((word, _assigned) for word in ("sig", "sid", "sessi")),
    ("=", ":", ">", "%", "\\"): tuple((word, _assigned) for word in _WORDS),
}
