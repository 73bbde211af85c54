# SPDX-License-Identifier: Apache-2.0
"""Six small worlds for tests that need just some users and some documents.

| module | users | documents |
|---|---|---|
| clicks | choose what is close to their taste, and stay | numbers, or vectors of numbers |
| purchases | click on several products of a slate, and purchase some | a catalogue with prices |
| leavers | lose patience and leave; every kind of draw occurs | numbers from a stock |
| latents | rate around a hidden level that may walk | numbers that do not matter |
| browsers | have a known device and age, and a hidden taste | ids of a small catalogue |
| shared | like what is popular, and leave | items that a world shares |

Each model takes `dtype`, and each module has a function that makes its simulator.
"""
