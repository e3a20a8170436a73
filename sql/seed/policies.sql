-- The default policies. A document that is there already is left as it is, so this may run at any time and any number
-- at once. Nothing but noop and radar runs without a person until somebody decides otherwise.
select _seed_policy('reaction_matrix', $json$
{
  "patterns": []
}
$json$);

select _seed_policy('auto_approve', jsonb $json$
{
  "enabled": true,
  "allowed_step_kinds": ["noop", "radar"],
  "max_risk_level": "low"
}
$json$ || jsonb_build_object('risk_rules', _built_in_risk_rules()));

select _seed_policy('proposal_caps', $json$
{
  "daily_limit": 100,
  "hourly_limit": null,
  "per_source": {},
  "over_limit": "wait"
}
$json$);

select _seed_policy('worker_policy', $json$
{
  "max_retries": 3,
  "step_timeout_seconds": 60,
  "backoff": {"base_seconds": 2, "factor": 2, "max_seconds": 300, "jitter": 0.2},
  "blocked_executors": [],
  "allowed_executors": null,
  "command_allow": [],
  "command_env": [],
  "command_cwd": [],
  "http_allow_private": false,
  "presets": {
    "openclaw": {
      "argv": ["openclaw", "{{params.subcommand}}", "--message={{params.prompt}}", "--agent={{params.agent}}",
        "--thinking={{params.thinking}}"],
      "defaults": {"subcommand": "agent", "agent": null, "thinking": null},
      "allowed": {"subcommand": ["agent"]},
      "timeout_seconds": 1800
    },
    "wreckit": {
      "argv": ["wreckit", "run", "--", "{{params.prompt}}"],
      "timeout_seconds": 1800
    },
    "minion": {
      "argv": ["minion", "run", "--", "{{params.prompt}}"],
      "timeout_seconds": 1800
    }
  },
  "executors": {
    "agent": {"timeout_seconds": 600, "on_lease_lost": "hold"},
    "openclaw": {"on_lease_lost": "hold"},
    "wreckit": {"on_lease_lost": "hold"},
    "minion": {"on_lease_lost": "hold"}
  }
}
$json$);

select _seed_policy('agent_roles', $json$
{
  "roles": {
    "planner": {"model": "default", "description": "Proposes what to do next and why."},
    "reviewer": {"model": "default", "description": "Votes on what others proposed, and advises the person who decides."},
    "operator": {"model": "default", "description": "Carries out approved steps and reports what happened."}
  }
}
$json$);

select _seed_policy('outbox', $json$
{
  "routes": [],
  "max_tries": 10,
  "lease_seconds": 60,
  "allow_private": false
}
$json$);

select _seed_policy('transition_rules', $json$
{
  "lead_to_plan": {
    "from": ["LEAD", "LEAD_APPROVAL"],
    "to": "PLAN_PRD",
    "sd_status": "in_progress"
  },
  "plan_to_exec": {
    "from": ["PLAN", "PLAN_PRD"],
    "to": "EXEC_IMPLEMENTATION"
  },
  "exec_to_plan": {
    "from": ["EXEC_IMPLEMENTATION", "EXEC"],
    "to": "EXEC_COMPLETE",
    "sd_status": "active",
    "stories": {
      "from": ["in_progress", "draft", "ready"],
      "set": {"implementation_status": "validated"},
      "status": {"in_progress": "completed"}
    },
    "requirement": {"set": {"status": "verification", "phase": "verification"}},
    "gates": true
  },
  "plan_to_lead": {
    "from": ["EXEC_COMPLETE", "PLAN_VERIFICATION"],
    "to": "LEAD_FINAL",
    "gates": true
  }
}
$json$);

select _seed_policy('gate_thresholds', $json$
{
  "security": 90,
  "feature": 85,
  "infrastructure": 80,
  "bugfix": 75,
  "orchestrator": 70,
  "documentation": 60,
  "default": 85
}
$json$);

select _seed_policy('gate_applicability', $json$
{
  "matrix": {
    "feature": {"TESTING": "REQUIRED", "DESIGN": "REQUIRED", "GITHUB": "REQUIRED", "DATABASE": "OPTIONAL",
      "REGRESSION": "OPTIONAL", "DOCMON": "REQUIRED", "STORIES": "REQUIRED"},
    "security": {"TESTING": "REQUIRED", "DESIGN": "OPTIONAL", "GITHUB": "REQUIRED", "DATABASE": "OPTIONAL",
      "REGRESSION": "REQUIRED", "DOCMON": "REQUIRED", "STORIES": "REQUIRED"},
    "bugfix": {"TESTING": "REQUIRED", "DESIGN": "NON_APPLICABLE", "GITHUB": "REQUIRED", "DATABASE": "OPTIONAL",
      "REGRESSION": "OPTIONAL", "DOCMON": "OPTIONAL", "STORIES": "OPTIONAL"},
    "enhancement": {"TESTING": "REQUIRED", "DESIGN": "OPTIONAL", "GITHUB": "REQUIRED", "DATABASE": "OPTIONAL",
      "REGRESSION": "OPTIONAL", "DOCMON": "OPTIONAL", "STORIES": "REQUIRED"},
    "refactor": {"TESTING": "NON_APPLICABLE", "DESIGN": "NON_APPLICABLE", "GITHUB": "REQUIRED", "DATABASE": "NON_APPLICABLE",
      "REGRESSION": "REQUIRED", "DOCMON": "OPTIONAL", "STORIES": "NON_APPLICABLE"},
    "infrastructure": {"TESTING": "NON_APPLICABLE", "DESIGN": "NON_APPLICABLE", "GITHUB": "NON_APPLICABLE", "DATABASE": "OPTIONAL",
      "REGRESSION": "OPTIONAL", "DOCMON": "REQUIRED", "STORIES": "OPTIONAL"},
    "database": {"TESTING": "OPTIONAL", "DESIGN": "NON_APPLICABLE", "GITHUB": "REQUIRED", "DATABASE": "REQUIRED",
      "REGRESSION": "REQUIRED", "DOCMON": "OPTIONAL", "STORIES": "OPTIONAL"},
    "performance": {"TESTING": "REQUIRED", "DESIGN": "NON_APPLICABLE", "GITHUB": "REQUIRED", "DATABASE": "OPTIONAL",
      "REGRESSION": "REQUIRED", "DOCMON": "OPTIONAL", "STORIES": "OPTIONAL"},
    "documentation": {"TESTING": "NON_APPLICABLE", "DESIGN": "NON_APPLICABLE", "GITHUB": "NON_APPLICABLE", "DATABASE": "NON_APPLICABLE",
      "REGRESSION": "NON_APPLICABLE", "DOCMON": "REQUIRED", "STORIES": "OPTIONAL"},
    "docs": {"TESTING": "NON_APPLICABLE", "DESIGN": "NON_APPLICABLE", "GITHUB": "NON_APPLICABLE", "DATABASE": "NON_APPLICABLE",
      "REGRESSION": "NON_APPLICABLE", "DOCMON": "REQUIRED", "STORIES": "OPTIONAL"},
    "process": {"TESTING": "NON_APPLICABLE", "DESIGN": "NON_APPLICABLE", "GITHUB": "NON_APPLICABLE", "DATABASE": "NON_APPLICABLE",
      "REGRESSION": "NON_APPLICABLE", "DOCMON": "REQUIRED", "STORIES": "OPTIONAL"},
    "qa": {"TESTING": "NON_APPLICABLE", "DESIGN": "NON_APPLICABLE", "GITHUB": "NON_APPLICABLE", "DATABASE": "NON_APPLICABLE",
      "REGRESSION": "NON_APPLICABLE", "DOCMON": "OPTIONAL", "STORIES": "OPTIONAL"},
    "orchestrator": {"TESTING": "NON_APPLICABLE", "DESIGN": "NON_APPLICABLE", "GITHUB": "NON_APPLICABLE", "DATABASE": "NON_APPLICABLE",
      "REGRESSION": "NON_APPLICABLE", "DOCMON": "OPTIONAL", "STORIES": "NON_APPLICABLE"}
  },
  "lightweight": {
    "types": ["infrastructure", "documentation", "docs", "process", "orchestrator", "maintenance", "chore", "qa",
      "refactor", "research", "uat"],
    "gates": ["FILE_SCOPE", "EXPLORATION_AUDIT", "EXECUTION_PLAN", "DELIVERABLES_PLANNING"]
  },
  "documentation": {
    "types": ["documentation", "docs", "process", "orchestrator"],
    "gates": ["TESTING", "GITHUB", "REGRESSION", "DATABASE"]
  }
}
$json$);

-- One person who may decide is enough, and nothing expires, until somebody writes a rule.
select _seed_policy('approval_rules', $json$
{
  "groups": {},
  "rules": [],
  "publish": []
}
$json$);
