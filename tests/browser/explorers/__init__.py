"""A file an explorer, named as it is in `qlab.explore`: what its lesson shows, and what its figures must be.

`LESSON` is the notebook; `start()` makes the explorer as the lesson does; `numbers(**values)` has figures by label
for values of the controls, computed with the library and not with the explorer. `GIVEN`, `TYPED` and `PLAIN` are
those of `driving.Driver`.
"""
