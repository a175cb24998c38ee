"""The Space's entry: build the studio and open it."""

from moda.studio.page import launch

if __name__ == "__main__":
    launch()
