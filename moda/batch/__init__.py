"""Many clips from a job file: resumable, on one machine or many."""
