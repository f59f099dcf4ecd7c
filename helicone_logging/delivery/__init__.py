"""From queued to acknowledged: the queue, the workers, what an answer means, and when to try again."""
