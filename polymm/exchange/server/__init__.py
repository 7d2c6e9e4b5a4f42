"""The local exchange on the network: REST routes and sockets as the venue has them."""
