"""Both exchanges as local servers: their real protocols, their own books, faults on command."""
