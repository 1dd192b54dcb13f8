"""Sizes in bytes, as people read them."""


def size(count: float) -> str:
    """`12.3 MB`; a kilobyte has 1000 bytes, as disks are sold."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
