"""Programs that use streamfn: one to deploy (`cards`) and one that runs it on this machine (`demo`)."""
