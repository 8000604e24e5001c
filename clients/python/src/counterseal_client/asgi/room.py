"""How much of all bodies together is kept."""


class NoRoom(Exception):
    """All the bodies that are kept at this moment leave no room for more of this one, or the disk does not."""


class Room:
    """How many bytes may be kept at once.

    For one event loop: nothing here awaits, so nothing needs a lock.
    """

    def __init__(self, total: int) -> None:
        self.left = total

    def take(self, count: int) -> None:
        """Take `count` bytes. Raises NoRoom, and takes none, when there are not as many left."""
        if count > self.left:
            raise NoRoom
        self.left -= count

    def give_back(self, count: int) -> None:
        """Return what was taken."""
        self.left += count


class Share:
    """What one body has of a room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._closed = False
        self.held = 0

    def hold(self, count: int) -> None:
        """Have `count` bytes from now on, more or fewer than before. Raises NoRoom, and changes nothing."""
        if self._closed:
            raise NoRoom
        if count > self.held:
            self._room.take(count - self.held)
        else:
            self._room.give_back(self.held - count)
        self.held = count

    def close(self) -> None:
        """Give all of it back, for good: who is still at it, in a task that was left behind, gets no more."""
        self._closed = True
        self._room.give_back(self.held)
        self.held = 0
