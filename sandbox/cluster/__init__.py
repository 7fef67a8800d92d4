"""The pretend cluster: the Kubernetes API over HTTP, and the controllers that act on what it stores.

kmock's emulator was tried as a base and left out: it merges dictionaries and nothing more, while the bot needs
resource versions with conflicts, generations, the scale and log subresources, strategic patches and selectors.
"""
