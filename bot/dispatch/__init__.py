"""One request, stage by stage: parse, authorize, plan, approve, execute, audit."""
