"""The exercises: what they ask (lessonNN), how an answer is judged (grading), what the learner sees (checking).

Read in this order: `spec` (what an exercise is), `lesson00` (the smallest one), `grading`, `checking`.
"""
