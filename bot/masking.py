"""Taking secrets out of text that came from outside, before it is logged, raised or shown.

A secret is replaced by ``***``; its key, its scheme and its place stay readable. The patterns look for a fixed
beginning and never look back over what they read, so that a line of 100 kB costs as much as 1,000 of 100 bytes.
Mask a text as a whole and before cutting it: half a private key or half a URL cannot be recognised any more.
"""

import re
from typing import Final

STARS: Final = "***"
CUT_OFF: Final = "… (cut, "

# One pass may bring two pieces together that only now read as a secret; more passes than this are not needed.
_PASSES: Final = 4

# Each expression keeps its groups and loses the rest. Quantifiers are possessive or bounded: nothing backtracks.
_KEY: Final = (
    r"(?:pass(?:word|wd|phrase|code)|pwd|secret(?:[_ -]?access)?(?:[_ -]?key)?|token|credential|"
    r"(?:api|access|private|routing|integration|encryption|signing|auth)[_ -]?key|authorization|cookie|"
    r"session[_-]?id|connect\.sid|signature|(?<![a-z])t?otp|(?:mfa|backup|recovery)[_ -]?code)s?"
)
# A text in quotes (also inside text that is itself quoted JSON), a list, or one word.
_VALUE: Final = (
    r'(?:(\\{1,3}")(?:\\\\\\"|\\[^"]|[^"\\])++|(")(?:\\.|[^"\\])++|(' + r"')(?:\\.|[^'\\])++|(\[)[^\]\n]++|"
    r"(?:bearer|basic|digest|token)\s{1,3}[^\s,;\"'\\]++|"
    r"""[^\s,;&"'\\<>{}()\[\]]++)"""
)
_SLASH: Final = r"(?:\\{0,3}/|%2f)"
_SECRETS: Final = (
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)",
    r"otpauth://[^\s\"'<>]++",
    # The password of a URL; what follows the host's colon may also be its port. The user may be an address.
    r"""(://[^\s/:"'<>]{0,256}+:)(?!\d{1,5}(?:[/?#,\s"'<>]|\Z))[^\s"'<>@]{1,1024}+(?:@[^\s"'<>@/?#]{0,1024}+(?=@))*+(?=@)""",
    # Incoming webhooks and response URLs: whoever has one may post. The slashes may be quoted for JSON or a form.
    r"(hooks\.slack\.com" + _SLASH + r"(?:services|workflows|triggers|commands|actions)" + _SLASH + r")"
    r"(?:[\w-]|" + _SLASH + r")++",
    r"((?:set-)?cookie\s{0,3}:\s{0,3})(?![\"'\\])[^\r\n\"'\\]++",
    r"(--?" + _KEY + r"\s{1,3})(?![-\s])[^\s\"']++",
    r"((?:\s|^)(?:-u|--user)\s{1,3}[^\s:]{1,256}+:)[^\s\"']++",
    r"(" + _KEY + r"""(?:\\{0,3}["'])?\s{0,3}(?:=>|[:=])\s{0,3})""" + _VALUE,
    r"((?<!\w)bearer\s{1,3})[\w.~+/=-]{8,}+",
    r"((?<!\w)basic\s{1,3})[a-z0-9+/]{12,}+={0,2}",
    r"(?:(?<![\w-])|(?<=\\[nrt]))eyJ[\w-]{5,}+\.[\w-]{5,}+(?:\.[\w-]*+)?",
    r"xox[a-z](?:\.xox[a-z])?-[\w-]++|xapp-[\w-]++",
    r"(?<![a-z0-9])(?-i:AKIA|ASIA)[a-z0-9]{16}(?![a-z0-9])",
    r"gh[pousr]_\w{20,}+|github_pat_\w++|glpat-[\w-]{16,}+|npm_\w{30,}+|whsec_[\w+/=-]++",
    r"(?<![\w-])(?:sk|rk|pk)[_-](?:live|test|proj)[_-][\w-]{8,}+|aiza[\w-]{35}|sg\.[\w-]{16,}+\.[\w-]{16,}+",
    r"\$2[aby]\$\d\d\$[./a-z0-9]{53}",
)
_PATTERNS: Final = tuple(re.compile(secret, re.IGNORECASE | re.DOTALL | re.ASCII) for secret in _SECRETS)


def mask(text: str) -> str:
    """Replace every secret in a text by ``***``; masking twice changes nothing more."""
    for _ in range(_PASSES):
        masked = _mask_once(text)
        if masked == text:
            break
        text = masked
    return text


def _mask_once(text: str) -> str:
    for pattern in _PATTERNS:
        text = pattern.sub(_keep_groups, text)
    return text


def _keep_groups(found: re.Match[str]) -> str:
    return "".join(group for group in found.groups() if group) + STARS


def cut(text: str, limit: int) -> str:
    """Shorten a text to at most ``limit`` characters, ending in a note of how long it was."""
    if len(text) <= limit:
        return text
    note = f"{CUT_OFF}{len(text):,} characters in all)"
    if len(note) >= limit:
        return "…"[:limit]
    return text[: limit - len(note)] + note


def text(data: bytes) -> str:
    """Decode bytes from outside; what is not UTF-8 becomes the replacement character."""
    return data.decode("utf-8", "replace")
