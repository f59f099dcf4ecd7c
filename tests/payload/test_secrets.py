"""`redact="secrets"` masks what has the form of a secret, leaves alone what has not, and takes time by length only."""

from __future__ import annotations

import random
import string

import pytest

from helicone_logging.payload.redaction import MASK, redacted
from helicone_logging.payload.secrets import mask_secrets
from helicone_logging.payload.span import Value


def chance(length: int, alphabet: str = string.ascii_letters + string.digits, seed: int = 7) -> str:
    """Characters as a vendor draws them, with a digit and a capital in each eight."""
    source = random.Random(seed)
    drawn = [source.choice(alphabet) for _ in range(length)]
    if alphabet == string.ascii_letters + string.digits:
        drawn[2::8] = [source.choice(string.digits) for _ in drawn[2::8]]
        drawn[5::8] = [source.choice(string.ascii_uppercase) for _ in drawn[5::8]]
    return "".join(drawn)


HEX, UPPER = "0123456789abcdef", string.ascii_uppercase + string.digits
R16, R24, R32, R40, R64 = (chance(length) for length in (16, 24, 32, 40, 64))
H32, H40, H64 = (chance(length, HEX) for length in (32, 40, 64))
VISA, AMEX, MASTER = "4242" * 4, "3782" + "822463" + "10005", "5555" * 3 + "4444"
# Assembled from pieces, so that scanners for secrets leave this file alone.
TOKENS = {
    "openai project": "sk-" + "proj-" + R40,
    "openai before projects": "sk-" + chance(48),
    "openai service account": "sk-" + "svcacct-" + R40 + "_" + R24,
    "anthropic": "sk-" + "ant-" + "api03-" + R40 + "-" + R24,
    "openrouter": "sk-" + "or-v1-" + H64,
    "langfuse": "sk-" + "lf-" + "1f0b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d",
    "helicone": "sk-" + "helicone-" + "q7w2e3r-t5y6u7i-o9p1a2s-d4f5g6h",
    "stripe": "sk_" + "live_" + R24,
    "stripe restricted": "rk_" + "live_" + R32,
    "stripe hook": "whsec" + "_" + R32,
    "github": "ghp" + "_" + chance(36),
    "github app": "ghs" + "_" + chance(36),
    "github fine": "github" + "_pat_" + R24 + "_" + R40,
    "gitlab": "glpat" + "-" + chance(20),
    "gitlab runner": "glrt" + "-" + chance(20),
    "slack user": "xoxp" + "-2048-4096-8192-" + H32,
    "slack app": "xapp" + "-1-A012-345-" + H64,
    "aws": "AKIA" + chance(16, UPPER),
    "aws session": "ASIA" + chance(16, UPPER),
    "google": "AIza" + "Sy" + chance(33),
    "google oauth": "ya29" + "." + R64,
    "hugging face": "hf" + "_" + chance(34),
    "groq": "gsk" + "_" + chance(52),
    "xai": "xai" + "-" + chance(80),
    "perplexity": "pplx" + "-" + chance(48),
    "tavily": "tvly" + "-" + R32,
    "nvidia": "nvapi" + "-" + R64,
    "replicate": "r8" + "_" + chance(37),
    "npm": "npm" + "_" + chance(36),
    "pypi": "pypi" + "-" + R64 + "-" + R64,
    "docker": "dckr" + "_pat_" + chance(27),
    "digitalocean": "doo" + "_v1_" + H64,
    "shopify": "shpat" + "_" + H32,
    "linear": "lin" + "_api_" + R40,
    "langsmith": "lsv2" + "_pt_" + H32 + "_" + chance(10, HEX),
    "figma": "figd" + "_" + R40,
    "grafana": "glsa" + "_" + R32 + "_" + chance(8, HEX),
    "sendgrid": "SG" + "." + chance(22) + "." + chance(43),
    "mailgun": "key" + "-" + H32,
    "twilio": "SK" + H32,
    "vault": "hvs" + "." + chance(90),
    "notion": "ntn" + "_" + chance(46),
    "supabase": "sbp" + "_" + H40,
    "new relic": "NRAK" + "-" + chance(27, UPPER),
    "postman": "PMAK" + "-" + chance(24, HEX) + "-" + chance(34, HEX),
    "pulumi": "pul" + "-" + H40,
    "square": "sq0atp" + "-" + chance(22),
    "brevo": "xkeysib" + "-" + H64 + "-" + R16,
    "telegram": "7291835460" + ":AA" + chance(33),
    "discord": "M" + chance(23) + "." + chance(6) + "." + chance(38),
    "web token": "eyJ" + R32 + "." + "eyJ" + R64 + "." + chance(43),
    "web token, wanting its end": "eyJ" + R32 + "." + "eyJ" + R64,
    "card": VISA,
    "card in blocks": " ".join((VISA[:4], VISA[4:8], VISA[8:12], VISA[12:])),
    "card with dashes": "-".join((MASTER[:4], MASTER[4:8], MASTER[8:12], MASTER[12:])),
    "card with no-break spaces": "\u00a0".join((MASTER[:4], MASTER[4:8], MASTER[8:12], MASTER[12:])),
    "card of fifteen digits": " ".join((AMEX[:4], AMEX[4:10], AMEX[10:])),
    "address": "grace.hopper" + "@" + "navy.example.org",
    "address with a tag": "linus+lists" + "@" + "kernel.example",
    "address beyond ASCII": "zoë.müller" + "@" + "bücher.example",
}
AROUND = [
    "{}",
    "use {} for it",
    "({})",
    '"{}"',
    "key={};",
    "it is {}.",
    "first\\n{}\\nlast",
    "a%3D{}&b=1",
    "\u201c{}\u201d",
]

# What is in braces must not be seen afterwards.
ASSIGNED = [
    "DB_PASSWORD={tr0ub4dor}",
    "export PGPASSWORD='{tr0ub4dor}'",
    "REDIS_PASSWORD: {tr0ub4dor}",
    "AWS_SECRET_ACCESS_KEY={" + R40 + "}",
    "aws_session_token = {" + R64 + "}",
    "DJANGO_SECRET_KEY={x7!k#2$qq9z}",
    "SECRET_KEY_BASE={" + H64 + "}",
    "NEXTAUTH_SECRET={plainlyhidden}",
    "SMTP_PASS={q9w8e7r6t5}",
    "MYSQL_ROOT_PASSWORD={swordfish}",
    "OPENAI_API_KEY={" + H32 + "}",
    "DATADOG_API_KEY: {" + H32 + "}",
    "X-API-Key: {" + R24 + "}",
    "x-functions-key: {" + R32 + "}",
    "apikey={" + R16 + "}",
    "https://maps.example/x?api_key={" + R24 + "}&q=oslo",
    "https://maps.example/x?access_token={" + R24 + "}",
    "https://a.blob.example/c?sv=2024&se=2030&sig={" + "Zm9vYmFy" + "c2lnMQ" + "%3D}",
    '{{"clientSecret": "{hush-hush-1}"}}',
    '{{"user": "ada", "password":"{swordfish}", "n": 1}}',
    '{{"apiKey" : "{' + R16 + '}"}}',
    '{{"refresh_token": "{' + R32 + '}"}}',
    "{{'passphrase': '{open sesame gate}'}}",
    'a "quoted" {{\\"api_key\\": \\"{' + R16 + '}\\"}}',
    '{{\\\\\\"password\\\\\\": \\\\\\"{tr0ub4dor}\\\\\\"}}',
    "{{&quot;password&quot;: &quot;{tr0ub4dor}&quot;}}",
    "password%3D{tr0ub4dor}%26user=ada",
    "password\\u003d{tr0ub4dor}",
    "password: {tr0ub4dor}",
    "Password: {purple monkey dishwasher}",
    "passphrase: {alpine yellow trumpet}\nnext line",
    "db:\n  user: ada\n  password: {swordfish}\n",
    "my password is {tr0ub4dor}",
    "machine git.example login ada password {tr0ub4dor}",
    "CREATE USER ada WITH PASSWORD '{swordfish}'",
    "connect(user='ada', password='{swordfish}')",
    'password: str = "{swordfish}"',
    'password = SecretStr("{swordfish}")',
    'if password == "{swordfish}":',
    "let apiKey := {" + R24 + "}",
    "'secret' => '{swordfish}'",
    "<password>{swordfish}</password>",
    "tool --password {swordfish} --verbose",
    "tool --api-key={" + R24 + "}",
    "tool --auth-token {" + R24 + "}",
    '["run", "--client-secret", "{hush-hush-1}"]',
    "curl -u ada:{tr0ub4dor} https://a.example",
    "mysql -uroot -p{tr0ub4dor} shop",
    "redis-cli -h db -a {tr0ub4dor}",
    "sshpass -p {tr0ub4dor} ssh host",
    "Authorization: Bearer {" + H32 + "}",
    "authorization=Bearer {" + R24 + "}",
    '"Authorization": "Basic {' + "Z3JhY2U6" + "aG9wcGVy" + '}"',
    "Proxy-Authorization: Basic {" + "Z3JhY2U6" + "aG9wcGVy" + "}",
    "Authorization: token {" + R24 + "}",
    "Helicone-Auth: Bearer {" + R24 + "}",
    "send bearer {" + R24 + "} with it",
    "send basic {" + "Z3JhY2U6" + "aG9wcGVy" + "} with it",
    "your API key: {" + R24 + "}",
    "https://maps.example/tile?key={" + R24 + "}&zoom=3",
    "https://{" + R24 + "}@git.example/team/house.git",
    "\\nsid={" + R24 + "}",
    "Cookie: theme=dark; session={" + R24 + "}",
    "Set-Cookie: JSESSIONID={" + chance(32, UPPER) + "}; Path=/; Secure",
    '"cookie": "sessionid={' + R24 + '}"',
    "Server=db;Database=shop;Uid=ada;Pwd={tr0ub4dor};",
    "Endpoint=sb://a.example/;SharedAccessKeyName=x;SharedAccessKey={" + R40 + "+/8=}",
    "AccountName=shop;AccountKey={" + R64 + "==}",
    "mongodb+srv://ada:{tr0ub4dor}@cluster.example/shop",
    "amqp://ada:{p%40ss}@mq:5672",
    "redis://:{tr0ub4dor}@cache:6379/0",
    "mysql://ada:{p@ss}@db/shop",
    "https:\\/\\/ada:{tr0ub4dor}\\/x@host\\/",
    "https://{" + H32 + "}@sentry.example/7",
    "https://hooks." + "slack.com/services/{T01/B02/" + R24 + "}",
    "https://discord." + "com/api/webhooks/{123456789012345678/" + R64 + "}",
    "-----BEGIN RSA " + "PRIVATE KEY-----\n{" + R64 + "}\n-----END RSA " + "PRIVATE KEY-----",
    "-----BEGIN EC " + "PRIVATE KEY-----\\n{" + R64 + "}\\n-----END EC " + "PRIVATE KEY-----\\n",
    "-----BEGIN " + "PRIVATE KEY-----\n{" + R64 + "}\n" + R64,
    "{" + R64 + "}\n" + R32 + "\n-----END " + "PRIVATE KEY-----",
    "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----\n\n{" + R64 + "}\n-----END PGP " + "PRIVATE KEY BLOCK-----",
]

INNOCENT = [
    "sprite@dark.png",
    "if password == stored2 and token == sent2:",
    "a basic introduction to the token economy",
    "Basic authentication sends a name with each request.",
    "the ring bearer reached the mountain",
    "Bearer authentication is described in RFC 6750",
    "bearer token",
    "a password should have twelve characters or more",
    "I forgot my password, can you help?",
    "Reset your password: follow the steps below",
    "password: must not be blank",
    "password: string",
    "password: optional",
    "secret: what nobody else knows",
    "token: the smallest unit a model reads",
    "API key: missing",
    "Invalid API key provided",
    "the key: patience",
    "The secret of good bread is time.",
    "secretary: Mrs. Hudson",
    "passport: see below",
    "compass: north",
    "author: Jane Austen",
    "authority = council",
    "keyboard: azerty",
    "monkey: bananas",
    "def login(user: str, password: str) -> bool:",
    "def call(api_key: Optional[str] = None):",
    "client = Client(api_key=api_key)",
    "client = Client(api_key=settings.API_KEY)",
    'api_key = os.environ["API_KEY"]',
    'password = getpass("Your password: ")',
    'token = os.getenv("SERVICE_TOKEN")',
    "password=None, token=None",
    "self.password = password",
    "if password == other:",
    "secret = get_secret(name)",
    '{"password": "string", "token": "string"}',
    '{"type": "object", "properties": {"password": {"type": "string"}}}',
    '{"label": "Enter your password"}',
    '{"password": "Your password"}',
    '{"password": null, "api_key": true}',
    "password=<password>",
    "DB_PASSWORD=${DB_PASSWORD}",
    "password: $PASSWORD",
    "password: {{ vault_password }}",
    "PASSWORD=***",
    "api_key: YOUR_API_KEY",
    "OPENAI_API_KEY=your-api-key-here",
    'api_key="<your key>"',
    "password: [redacted]",
    "password=%s",
    "PWD=/srv/app OLDPWD=/srv",
    "secret: /run/secrets/db",
    "max_tokens=4096, prompt_tokens=12",
    '"max_tokens": 1024, "token_count": 31, "total_tokens": 99',
    '{"token": "Hello", "logprob": -0.12, "bytes": [72, 101]}',
    'tokenizer.pad_token = "<|endoftext|>"',
    '"next_page_token": "CAUQAA12345678"',
    "token_type: bearer",
    '"token_endpoint": "https://login.example/oauth/token"',
    "primary_key: id, foreign_key: user_id",
    "cache_key=" + H40,
    "private_key_id: " + H40,
    "secret_name: prod-database",
    "session_id=0b9f2a34-5c67-4d89-9e01-23456789abcd",
    "commit " + H40,
    "sha256:" + H64,
    "etag 9f86d081884c7d65",
    "0b9f2a34-5c67-4d89-9e01-23456789abcd",
    "chatcmpl-9qYzT3k5PvXJ0aBcDeFgHiJk",
    "call_9qYzT3k5PvXJ0aBcDeFgHiJk",
    "msg_01AbCdEfGhJkLmNpQrStUvWx",
    "req_7f3a9c2e5b1d4860",
    "asst_abc123DEF456ghi789JKL012",
    "claude-3-5-sonnet-20241022 and gpt-4o-mini-2024-07-18",
    "anthropic.claude-3-haiku-20240307-v1:0",
    "git clone git@gitlab.com:group/project.git",
    "scp file.txt deploy@10.1.2.3:/srv",
    "deploy@web1:~/app$ make",
    "icons/logo@2x.png and logo@3x.webp",
    "npm i lodash@4.17.21 @scope/pkg@1.0.0-rc.1",
    '@app.route("/health")',
    "@pytest.mark.parametrize",
    "ping @ada in #general",
    "http://localhost:3000/@fs/src/main.ts",
    "http://proxy:8080/a?b=c@d",
    "postgresql://localhost:5432/shop",
    "postgresql://ada:${PASSWORD}@db/shop",
    "https://hooks.example.com/services/one",
    "order 4242424242424241 is late",
    "1764460800000 and 1764460800000000000",
    "invoice 2024-0001-0002-0003",
    "call +49 30 901820 or (020) 7946 0958",
    "ISBN 978-0-13-468599-1",
    "IMEI 356938035643809",
    "0.4242424242424242",
    "pi is 3.141592653589793238",
    "10.0.0.1, 192.168.100.200, 2001:db8::1",
    "2026-11-30T04:05:06.789012+01:00",
    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
    "sk-learn, sk-image and pk-tests-of-the-parser",
    "pk-button-primary-outline-large",
    "npm_config_registry and npm_lifecycle_event",
    "hf_hub_download, hf_transfer_enabled_by_default",
    "live_preview_of_the_document_editor",
    "the desk-sk-lamp-with-a-very-long-name",
    "SKU 12345, SKELETON, AKIANA",
    "eyJ begins many a web token",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBg\n-----END PUBLIC KEY-----",
    "ssh-keygen -t ed25519 -C work",
    "mkdir -p build/out && docker run -p 8080:80 nginx",
    "cookies: chocolate chip",
    "cookie = jar.get(name)",
    "Authorization: required",
    "password hashing with sha256 or bcrypt2",
]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("kind", TOKENS)
def test_a_secret_is_masked_by_its_form_wherever_it_stands(kind: str, around: str) -> None:
    text = around.format(TOKENS[kind])
    masked = mask_secrets("gen_ai.prompt.0.content", text)
    assert isinstance(masked, str)
    assert MASK in masked
    assert TOKENS[kind][-12:] not in masked
    assert TOKENS[kind][:12] not in masked


@pytest.mark.parametrize("text", ASSIGNED)
def test_a_secret_is_masked_by_what_stands_before_it(text: str) -> None:
    plain = text.replace("{{", "\0").replace("}}", "\1")
    secret = plain[plain.index("{") + 1 : plain.index("}")]
    plain = plain.replace("{", "").replace("}", "").replace("\0", "{").replace("\1", "}")
    masked = mask_secrets("gen_ai.prompt.0.content", plain)
    assert isinstance(masked, str)
    assert MASK in masked
    assert secret not in masked
    assert mask_secrets("gen_ai.prompt.0.content", masked) == masked


@pytest.mark.parametrize("around", ["password={}", 'password="{}"', "password='{}', 1", "password=`{}`"])
def test_a_long_secret_is_masked_to_its_end(around: str) -> None:
    assert mask_secrets("x", around.format(chance(900))) == around.format(MASK)


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask_secrets("gen_ai.prompt.0.content", text) == text


def test_what_stands_around_a_secret_stays() -> None:
    masked = mask_secrets(
        "x", "postgres://ada:" + "tr0ub4dor" + "@db.example:5432/shop?x=1 then key " + TOKENS["github"]
    )
    assert masked == f"postgres://ada:{MASK}@db.example:5432/shop?x=1 then key {MASK}"
    assert mask_secrets("x", f'{{"password": "{"tr0ub4dor"}", "n": 1}}') == f'{{"password": "{MASK}", "n": 1}}'


@pytest.mark.parametrize("invisible", ["\u200b", "\u2060", "\ufeff", "\u00ad"])
def test_a_token_with_an_invisible_character_in_it_is_masked_whole(invisible: str) -> None:
    assert mask_secrets("x", "sk-" + "proj-" + R16 + invisible + R24) == MASK


@pytest.mark.parametrize(
    "key",
    [
        *("password", "db.password", "PASSWORD", "userPassword", "password_confirmation", "api_key", "API-KEY"),
        *("apiKey", "aws.secret", "clientSecret", "secret_key", "user_token", "accessToken", "auth-token"),
        *("Authorization", "Helicone-Auth", "cookie", "Set-Cookie", "credentials", "passphrase", "private_key"),
    ],
)
@pytest.mark.parametrize("value", ["short", 1234, 1.5, ""])
def test_a_key_that_names_a_secret_has_its_whole_value_masked(key: str, value: Value) -> None:
    assert redacted(mask_secrets, key, value) == MASK


@pytest.mark.parametrize(
    "key",
    [
        *("max_tokens", "gen_ai.usage.prompt_tokens", "token_count", "tokens", "tokenizer", "token_type", "keyboard"),
        *(
            "primary_key",
            "cache_key",
            "password_length",
            "secret_name",
            "author",
            "next_page_token",
            "model",
            "",
            "key",
        ),
        *("session_id", "secretary", "passed", "compass", "Helicone-Session-Id", "pad_token"),
    ],
)
@pytest.mark.parametrize("value", ["short", 1234, 1.5, True])
def test_a_key_that_names_no_secret_leaves_its_value(key: str, value: Value) -> None:
    assert redacted(mask_secrets, key, value) is value


@pytest.mark.parametrize("name", ["Session-Id", "User-Id"])
def test_an_id_of_digits_that_could_be_a_card_s_tells_sessions_and_users_apart(name: str) -> None:
    key = f"traceloop.association.properties.Helicone-{name}"
    assert mask_secrets(key, VISA) == VISA
    assert mask_secrets(key, f"of {VISA}") == f"of {MASK}"


def test_a_number_that_is_a_card_is_masked_and_others_stay_numbers() -> None:
    assert redacted(mask_secrets, "card", int(VISA)) == MASK
    for number in (0, -1, 1764460800, 1764460800000, int(VISA) + 1, 2**53, 10**40, 3.14, True):
        assert redacted(mask_secrets, "n", number) is number


def test_a_secret_in_a_list_is_masked_and_another_list_stays_one() -> None:
    assert redacted(mask_secrets, "stop", ("end", TOKENS["github"], 3)) == f'["end","{MASK}",3]'
    innocent = ("end", "stop")
    assert redacted(mask_secrets, "stop", innocent) is innocent


PIECES = [
    *TOKENS.values(),
    *INNOCENT,
    *("password", "=", ": ", '"', "'", "\\", '\\"', "\\n", "{", "}", "@", "://", "-----BEGIN ", "PRIVATE KEY-----"),
    *(
        "eyJ",
        ".",
        "-",
        "_",
        " ",
        "\n",
        "%3D",
        "%40",
        "&",
        "bearer ",
        "Basic ",
        "--",
        "é",
        "\u200b",
        "\ud800",
        "İ",
        "😀",
    ),
    *("token", "key", "cookie: ", MASK, "４", "4242", "<", ">", "sk-", "?", ";", "x" * 40),
]


def test_no_text_raises_and_what_is_masked_stays_as_it_is() -> None:
    source = random.Random(11)
    for _ in range(4000):
        text = "".join(source.choices(PIECES, k=source.randint(1, 12)))
        masked = mask_secrets("gen_ai.prompt.0.content", text)
        assert isinstance(masked, str)
        again = masked
        for _ in range(2):  # what a mask lays bare may be a secret of its own: it is masked then, and that is all
            again = mask_secrets("gen_ai.prompt.0.content", again)
        assert mask_secrets("gen_ai.prompt.0.content", again) == again, text


HEAVY = [
    *(
        "a",
        "_",
        "-",
        ".",
        "4",
        "@",
        ":",
        "=",
        '"',
        "\\",
        "é",
        " ",
        "\n",
        "%40",
        "://",
        "--",
        "4 ",
        "a.",
        "a@",
        "1.",
        "eyJ",
    ),
    *("eyJ-", "eyJaaaaaaaa.", "sk-", "sk-a", "xoxb-", "SG.", "AKIA", "hf_", "bearer ", "basic ", "Bearer a", "cookie:"),
    *("cookie=a=b;", "password", "password=", 'password="', "password: ", "password is ", "pass", "secret", "token:"),
    *("key", "api key ", 'password":\\"', "--password ", " -p", "mysql -p", "http://a:", "http://a:b@", "http:\\/\\/"),
    *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "https://hooks." + "slack.com/services/", "a-", "A"),
    *(
        "4242 ",
        "424242424242424",
        "4242-",
        "a" * 70 + "@",
        "@a.",
        "sig=",
        "&quot;",
        "password\\u003d",
        "SK0",
        "12345678:AA",
    ),
    *(
        "<password>",
        "password>x",
        "password:str=",
        "'",
        "password='\\",
        "password=password:",
        "\u200b",
        "key=",
        "?key=",
    ),
]


@pytest.mark.parametrize("piece", HEAVY)
def test_a_long_text_of_anything_is_searched_in_no_time(piece: str) -> None:
    """Minutes, and the suite's timeout, where work grew with the square of the length."""
    text = piece * (200_000 // len(piece))
    assert isinstance(mask_secrets("gen_ai.prompt.0.content", text), str)


@pytest.mark.parametrize(
    "piece", ["eyJ-", "sk-", "a@", "password=", '"token": "', "4242 ", "://a:", "é ", "plain words "]
)
def test_so_is_one_of_a_million_characters(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert isinstance(mask_secrets("gen_ai.prompt.0.content", text), str)
