"""Secure randomness for training: what is sampled and what is added as noise, nobody can redraw.

A job that seeds torch's generator cannot reach these: their keys come from the operating system and
are never kept. Nothing is imported here.

    sampler = PoissonSampler(KeyStream(Purpose.SAMPLING), units=5000, rate=Decimal("0.01"))
    normals = NormalSource(KeyStream(Purpose.NOISE))
    chosen = sampler.draw()                                # may be empty: the step adds only noise
    noise = normals.draw(parameter.shape, scale=noise_multiplier * clip, dtype=torch.float32)
"""
