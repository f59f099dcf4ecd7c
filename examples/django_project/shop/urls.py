"""The project's addresses."""

from django.urls import path

from shop import views

urlpatterns = [
    path("ask", views.ask),
    path("ask-async", views.ask_async),
    path("stream", views.stream),
    path("fail", views.fail),
]
