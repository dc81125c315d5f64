from django.apps import AppConfig


class SamplesConfig(AppConfig):
    name = "tests.host.samples"
    label = "samples"
