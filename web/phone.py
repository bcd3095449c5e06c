"""The web app of a phone: its manifest and its service worker, which must lie at the root."""

from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

ICON_SIZES = (192, 512)


@require_GET
@cache_control(max_age=3600, public=True)
def manifest(request: HttpRequest) -> HttpResponse:
    """Say how the app is called, where it begins and what it looks like."""
    icons = [
        {
            "src": static(f"web/icon-{size}.png"),
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": "any maskable",
        }
        for size in ICON_SIZES
    ]
    return JsonResponse(
        {
            "name": "PolyMix",
            "short_name": "PolyMix",
            "id": "/",
            "start_url": "/approvals/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#0e1116",
            "theme_color": "#0e1116",
            "icons": icons,
        },
        content_type="application/manifest+json",
    )


@require_GET
@cache_control(no_cache=True)
def worker(request: HttpRequest) -> HttpResponse:
    """Serve the service worker from the root, so that it may speak for every page."""
    text = (Path(settings.BASE_DIR) / "static/web/worker.js").read_text()
    return HttpResponse(text, content_type="text/javascript")


@require_GET
def offline(request: HttpRequest) -> HttpResponse:
    """The shell that the phone keeps: it says that nothing can be seen or decided now."""
    return render(request, "web/offline.html", {"title": "Offline"})
