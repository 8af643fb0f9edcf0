"""HTTP as Google's front end speaks it: requests read, responses printed, nothing else."""
