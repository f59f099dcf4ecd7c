"""Finds secrets by their form: `redact="secrets"`. Loaded only by those who ask for it."""

from __future__ import annotations

import re

from helicone_logging.payload.redaction import MASK

_SECRET_KEY = re.compile(
    r"(?:^|[._\-])(?:password|passwd|passphrase|secret|token|api[_\-]?key|apikey|access[_\-]?key|private[_\-]?key"
    r"|authorization|credentials?|cookie|session[_\-]?token)$",
    re.IGNORECASE,
)
_SECRETS = re.compile(
    r"""
      -----BEGIN\ [A-Z0-9 ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z0-9 ]*PRIVATE\ KEY-----|\Z)
    | \b(?:sk|pk|rk)-[A-Za-z0-9_\-]{16,}                     # OpenAI, Anthropic, Helicone, OpenRouter
    | \b(?:sk|pk|rk|whsec)_[A-Za-z0-9_]{16,}                 # Stripe, Clerk
    | \b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{20,} | \bgithub_pat_[A-Za-z0-9_]{20,} | \bglpat-[A-Za-z0-9_\-]{16,}
    | \bAKIA[0-9A-Z]{16}\b | \bASIA[0-9A-Z]{16}\b            # AWS
    | \bAIza[0-9A-Za-z_\-]{30,}                              # Google
    | \bxox[abprs]-[A-Za-z0-9\-]{10,}                        # Slack
    | \bhf_[A-Za-z0-9]{20,} | \bgsk_[A-Za-z0-9]{20,} | \bxai-[A-Za-z0-9]{20,}
    | \beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*   # JSON web tokens
    """,
    re.VERBOSE | re.DOTALL,
)
_BEARER = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/\-]{8,}=*", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"""(["']?\b(?:password|passwd|pwd|secret|api[_\-]?key|access[_\-]?token|auth[_\-]?token|client[_\-]?secret)\b["']?
        \s*[:=]\s*)(?:"[^"]*"|'[^']*'|[^\s,;&"'}\])]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_URL_PASSWORD = re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.\-]{0,20}://[^\s/:@]{0,256}:)[^\s/@]{1,256}(?=@)")
_EMAIL = re.compile(r"(?<![\w.+\-])[\w.+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}")
_CARD = re.compile(r"(?<![\w.\-])\d(?:[ \-]?\d){12,18}(?![\w\-])")


def mask_secrets(key: str, value: object) -> object:
    """Masks keys, bearer tokens, private keys, passwords, card numbers and e-mail addresses: `redact="secrets"`.

    Args:
        key: the attribute's name; one that names a secret (`password`, `api_key`, ...) has its whole value masked.
        value: text or an int.
    """
    if _SECRET_KEY.search(key):
        return MASK
    text = str(value)
    masked = _mask_text(text)
    return value if masked == text else masked


def _mask_text(text: str) -> str:
    text = _SECRETS.sub(MASK, text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _ASSIGNED.sub(rf"\1{MASK}", text)
    text = _URL_PASSWORD.sub(rf"\1{MASK}", text)
    text = _EMAIL.sub(MASK, text)
    return _CARD.sub(_mask_card, text)


def _mask_card(match: re.Match[str]) -> str:
    digits = [int(character) for character in match[0] if character.isdigit()]
    return MASK if _luhn(digits) else match[0]


def _luhn(digits: list[int]) -> bool:
    """The check digit of ISO/IEC 7812-1: a number that fails it is an order number, a timestamp, no card."""
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0
