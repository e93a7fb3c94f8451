"""The OpenAPI document in, a page to read it and try it out; and what stands at the address itself.

The page loads nothing from elsewhere: its scripts come with a package, so that it works without a network and tells
nobody who reads it.
"""

from html import escape

import orjson
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

DOCS_URL = "/docs"
_FILES_URL = f"{DOCS_URL}/files"
_PACKAGE = ("fastapi_offline", "static")  # its files only: the code is not imported
_SETTINGS = {"validatorUrl": None}  # Swagger UI would send the document to its maker to be checked
_FRONT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>MemOS Proxy</title>
<body style="font: 16px/1.6 system-ui, sans-serif; margin: 3rem auto; max-width: 40rem; padding: 0 1rem">
<h1>MemOS Proxy</h1>
<p>This is an API for OpenAI clients: use it as <code>base_url</code>, with a key of this proxy.</p>
<pre>{base_url}</pre>
<p><a href="{docs}">Documentation</a> &middot; <a href="{health}">Health</a></p>
"""


def add_pages(app: FastAPI) -> None:
    """Give the app ``/docs`` with its files, and ``/``."""
    app.add_api_route(DOCS_URL, _docs, methods=["GET"], include_in_schema=False)
    app.add_api_route("/", _front, methods=["GET", "HEAD"], include_in_schema=False)
    app.mount(_FILES_URL, StaticFiles(packages=[_PACKAGE]), name="docs-files")


async def _docs(request: Request) -> HTMLResponse:
    root = request.scope.get("root_path", "").rstrip("/")
    files = f"{root}{_FILES_URL}"
    return get_swagger_ui_html(
        openapi_url=f"{root}{request.app.openapi_url}",
        title=request.app.title,
        swagger_js_url=f"{files}/swagger-ui-bundle.js",
        swagger_css_url=f"{files}/swagger-ui.css",
        swagger_favicon_url=f"{files}/favicon.png",
        swagger_ui_parameters=_SETTINGS,
    )


async def _front(request: Request) -> Response:
    at = str(request.base_url).rstrip("/")
    links = {"base_url": f"{at}/v1", "docs": f"{at}{DOCS_URL}", "health": f"{at}/health"}
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(_FRONT.format(**{name: escape(url) for name, url in links.items()}))
    return Response(orjson.dumps({"name": request.app.title, **links}), media_type="application/json")
