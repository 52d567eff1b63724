"""What holds a release together: one version everywhere, and a wheel that has everything (`make release-check`)."""
