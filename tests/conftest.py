"""What holds for every test: on a busy machine no example of hypothesis fails for being slow, and
garbage is looked for as in the program."""

from hypothesis import HealthCheck, settings

from securefed.wiring.garbage import look_seldom

look_seldom()

settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
