"""The closed loop, played by itself: each act is done as a person would, and checked against the systems themselves.

``make tour`` exits 0 when every act held, else 1 with the act that did not.
"""
