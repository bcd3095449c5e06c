"""Django settings. What a user may change comes from the environment, see `.env.example`."""

from datetime import timedelta

from polymix import embedded
from polymix.env import credential_keys, dollars, env, hashes, secret_key, vapid_key

BASE_DIR = embedded.ROOT

# --- trading -------------------------------------------------------------------------------
# Without this no account can send a live order, whatever its mode.
LIVE_TRADING = env.bool("LIVE_TRADING", default=False)
PAPER_TRADING_ENABLED = env.bool("PAPER_TRADING_ENABLED", default=True)
# They seed the RiskProfile of a new account: one set for each kind of money.
ACCOUNT_DEFAULTS = {
    kind: {
        "initial_balance": dollars(f"{kind}_TRADING_INITIAL_BALANCE", default="10000"),
        "bet_amount": dollars(f"{kind}_TRADING_BET_AMOUNT", default="100"),
        "min_roi": dollars(f"{kind}_TRADING_MIN_ROI", default="1"),
        "max_position_size": dollars(f"{kind}_TRADING_MAX_POSITION_SIZE", default="1000"),
        "max_daily_trades": env.int(f"{kind}_TRADING_MAX_DAILY_TRADES", default=10),
        "daily_loss_limit": dollars(f"{kind}_TRADING_DAILY_LOSS_LIMIT", default="500"),
    }
    for kind in ("LIVE", "PAPER")
}
# A whale's fills of one token and side within this time are one order of the whale.
SIGNAL_WINDOW_SECONDS = env.int("SIGNAL_WINDOW_SECONDS", default=2)
PAPER_LATENCY_SECONDS = dollars("PAPER_LATENCY_SECONDS", default="2")
PAPER_PRINT_SHARE = dollars("PAPER_PRINT_SHARE", default="0.50")
PAPER_BOOK_SHARE = dollars("PAPER_BOOK_SHARE", default="0.50")
PAPER_FEE_RATE = dollars("PAPER_FEE_RATE", default="0.05")
# Of an order that takes at once, to which the market's own delay is added.
PAPER_TAKER_LATENCY_SECONDS = dollars("PAPER_TAKER_LATENCY_SECONDS", default="0.3")
# More than so many failures among a venue's last 20 settlements of some hours stop buying there.
SETTLEMENT_FAILURES = env.int("SETTLEMENT_FAILURES", default=2)
SETTLEMENT_HOURS = env.int("SETTLEMENT_HOURS", default=6)
# How many accounts of this server may have one side of a pair open at a time.
PAIR_OPEN_LEGS = env.int("PAIR_OPEN_LEGS", default=5)
# USD that a scan looks at on one route; accounts size their own trades.
PAIR_SCAN_CAPITAL = dollars("PAIR_SCAN_CAPITAL", default="1000")
# After so long without a scan by the stream, a task scans instead.
PAIR_STREAM_SECONDS = env.int("PAIR_STREAM_SECONDS", default=20)
PAPER_ORDER_LIFETIME_SECONDS = env.int("PAPER_ORDER_LIFETIME_SECONDS", default=3600)
APPROVAL_MINUTES = env.int("APPROVAL_MINUTES", default=5)

# What `make up` reads without a recording: live public data when it answers, else the sandbox.
FEED = env.str("FEED", default="auto")

# --- venues: the sandbox's addresses stand in for the real ones --------------------------------
POLYMARKET_CLOB_URL = env.str("POLYMARKET_CLOB_URL", default="https://clob.polymarket.com")
POLYMARKET_GAMMA_URL = env.str("POLYMARKET_GAMMA_URL", default="https://gamma-api.polymarket.com")
POLYMARKET_ACTIVITY_URL = env.str(
    "POLYMARKET_ACTIVITY_URL", default="wss://ws-live-data.polymarket.com"
)
POLYMARKET_DATA_URL = env.str("POLYMARKET_DATA_URL", default="https://data-api.polymarket.com")
POLYMARKET_WS_URL = env.str(
    "POLYMARKET_WS_URL", default="wss://ws-subscriptions-clob.polymarket.com"
)
POLYMARKET_RELAYER_URL = env.str(
    "POLYMARKET_RELAYER_URL", default="https://relayer-v2.polymarket.com"
)
# Says whether orders are taken from where this server stands; empty: not asked.
POLYMARKET_GEOBLOCK_URL = env.str(
    "POLYMARKET_GEOBLOCK_URL", default="https://polymarket.com/api/geoblock"
)
# A node of Polygon. By websocket the chain itself tells what whales trade; without, the Data API.
POLYGON_WS_URL = env.str("POLYGON_WS_URL", default="")
POLYGON_RPC_URL = env.str("POLYGON_RPC_URL", default="https://polygon.drpc.org")
# Kalshi counts calls by account, so it needs no limits of ours; its demo has keys of its own.
KALSHI_URL = env.str("KALSHI_URL", default="https://external-api.kalshi.com/trade-api/v2")
KALSHI_WS_URL = env.str("KALSHI_WS_URL", default="wss://external-api-ws.kalshi.com/trade-api/ws/v2")
KALSHI_DEMO_URL = env.str(
    "KALSHI_DEMO_URL", default="https://external-api.demo.kalshi.co/trade-api/v2"
)
KALSHI_DEMO_WS_URL = env.str(
    "KALSHI_DEMO_WS_URL", default="wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2"
)
# Series of games whose markets are listed.
# Leagues' series by the number that Polymarket's catalogue has for them.
POLYMARKET_SERIES = env.dict(
    "POLYMARKET_SERIES", default={"NBA": "10345", "NFL": "10187", "NHL": "10346"}
)
# Texts of game markets that somebody has read: first digits of their SHA-256, several by `+`.
PAIR_TEXTS = hashes("PAIR_TEXTS", default={"NBA": "f31bed4746f8036a", "NHL": "870c3f9a5908bfe4"})
# A rulebook listed here counts overtime, in the NHL also shootouts: contracts leave it to them.
PAIR_RULEBOOKS = hashes(
    "PAIR_RULEBOOKS", default={"NBA": "7db0904a", "NFL": "57b57e1a", "NHL": "adf31742"}
)
KALSHI_SERIES = env.list(
    "KALSHI_SERIES", default=["KXNBAGAME", "KXNFLGAME", "KXNHLGAME", "KXMLBGAME"]
)

# Calls of all users together; 0 for the venue's own limits alone.
POLYMARKET_PER_SECOND = env.int("POLYMARKET_PER_SECOND", default=10)
POLYMARKET_PER_MINUTE = env.int("POLYMARKET_PER_MINUTE", default=1000)
POLYMARKET_TIER = env.str("POLYMARKET_TIER", default="standard")

# --- real orders ---------------------------------------------------------------------------
# They wrap the key of each credential; the first one seals, all of them open.
CREDENTIAL_KEYS = credential_keys()
# After a claim nothing is sent any more, however late a process wakes up.
SEND_SECONDS = env.int("SEND_SECONDS", default=10)
# Before a read is tried again; an order never is.
VENUE_RETRY_SECONDS = env.float("VENUE_RETRY_SECONDS", default=0.25)
VENUE_TIMEOUT_SECONDS = env.float("VENUE_TIMEOUT_SECONDS", default=10.0)
LIVE_ORDER_LIFETIME_SECONDS = env.int("LIVE_ORDER_LIFETIME_SECONDS", default=3600)

# --- Django --------------------------------------------------------------------------------
SECRET_KEY = secret_key()
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
HTTPS = env.bool("HTTPS", default=False)  # true behind a TLS proxy
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_celery_beat",
    "accounts",
    "notifications",
    "markets",
    "risk",
    "whales",
    "trading",
    "backtest",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "import_export",
    "web",
    "api",
    "polymix.apps.PolymixConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "web.middleware.policies",
    "web.middleware.staff_factor",
]
ROOT_URLCONF = "polymix.urls"
ASGI_APPLICATION = "polymix.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "web.context.server",
            ],
            "builtins": ["web.templatetags.formats"],
        },
    }
]
DATABASES = {"default": env.db_url_config(embedded.database_url())}
# Web threads come and go under ASGI: a connection that each of them kept would be one too many.
DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {}).update(
    options="-c lock_timeout=20000 -c jit=off",
    # Statements that repeat are planned once; a pooler that shares sessions must have it off.
    server_side_binding=True,
    prepare_threshold=env.int("DATABASE_PREPARE_THRESHOLD", default=3) or None,
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
# --- sign-in: by invitation; passkeys and authenticator apps can be enrolled -------------------
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
# Anybody who reaches the page may join; otherwise each person needs an invitation.
OPEN_SIGNUP = env.bool("OPEN_SIGNUP", default=False)
# The admin asks staff for an enrolled second factor.
ADMIN_NEEDS_FACTOR = env.bool("ADMIN_NEEDS_FACTOR", default=LIVE_TRADING)
ACCOUNT_ADAPTER = "accounts.sign_in.AccountAdapter"
ACCOUNT_FORMS = {"signup": "accounts.sign_in.InvitedSignupForm"}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "PolyMix"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS  # a browser itself insists on localhost or TLS
# Where mail goes, like smtp+tls://user:password@host:587; without it none is sent.
vars().update(env.email_url("EMAIL_URL", default="dummymail://"))
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", default="PolyMix <polymix@localhost>")

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = embedded.home() / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise looks there, whether or not it was collected
WHITENOISE_USE_FINDERS = True

SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        # Charts place their parts by element.style, which is not an inline style.
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- notifications -------------------------------------------------------------------------
# Where people reach this server: every message links there.
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
# May channels lead into private networks, as to an ntfy server of one's own?
NOTIFY_PRIVATE_ADDRESSES = env.bool("NOTIFY_PRIVATE_ADDRESSES", default=False)
VAPID_PRIVATE_KEY = vapid_key()
VAPID_CONTACT = env.str("VAPID_CONTACT", default="polymix@localhost")
# A critical alert of real money that nobody has seen for so long closes its entry gate.
ALERT_MINUTES = env.int("ALERT_MINUTES", default=10)

# --- REST API ------------------------------------------------------------------------------
API_READS = env.str("API_READS", default="600/minute")
API_WRITES = env.str("API_WRITES", default="120/minute")
API_SIGN_INS = env.str("API_SIGN_INS", default="20/minute")
# What `POST /api/trading/reset` asks for; empty: it is refused.
LIVE_TRADING_RESET_KEY = env.str("LIVE_TRADING_RESET_KEY", default="")
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True  # a spreadsheet runs no market's title

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_THROTTLE_CLASSES": ["api.throttles.Throttle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "NUM_PROXIES": env.int("TRUSTED_PROXIES", default=0),
    "DEFAULT_SCHEMA_CLASS": "api.schema.Described",
    "EXCEPTION_HANDLER": "api.problems.handle",
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,  # a refresh token that was stolen works once, or not at all
    "UPDATE_LAST_LOGIN": True,
    "CHECK_REVOKE_TOKEN": True,  # a new password ends what the old one opened
}
SPECTACULAR_SETTINGS = {
    "TITLE": "PolyMix",
    "DESCRIPTION": "Accounts, decisions, orders, approvals and books of one person. Money is "
    "text, in dollars. Events as they happen (server-sent events): GET /api/v1/events/stream/",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/(v1/)?",
    "ENUM_NAME_OVERRIDES": {
        "AccountMode": "accounts.models.Account.Mode",
        "WantedMode": ["APPROVAL", "LIVE"],
        "KindOfMoney": ["real", "paper"],
        "OrderState": "api.schema.ORDER_STATES",
        "PairTradeState": "api.schema.PAIR_STATES",
        "PairState": "markets.models.Pair.State",
        "SignalState": "whales.models.Signal.State",
        "ChannelKind": "notifications.models.Channel.Kind",
        "EnteredKind": ["ntfy", "telegram", "discord", "email", "webhook"],
        "EntryKind": "api.schema.ENTRY_KINDS",
        "BreakerKind": "api.schema.BREAKER_KINDS",
    },
}

# --- Celery: ids as a hint; rows are the queue of record --------------------------------------
REDIS_URL = embedded.redis_url()
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_DEFAULT_QUEUE = env.str("CELERY_QUEUE", default="polymix")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = (
    300  # shorter than the visibility timeout, or Redis hands out a second copy
)
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = "UTC"
DJANGO_CELERY_BEAT_TZ_AWARE = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}

UNFOLD = {
    "SITE_TITLE": "PolyMix",
    "SITE_HEADER": "PolyMix",
    "ENVIRONMENT": "polymix.admin_site.environment",
    "SITE_URL": "/",
    "DASHBOARD_CALLBACK": "polymix.admin_home.home",
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": True,
        "navigation": "polymix.admin_home.navigation",
    },
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"httpx": {"level": "WARNING"}, "celery.beat": {"level": "WARNING"}},
}
