create or replace function _worker_policy_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document worker_policy. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "worker_policy",
  "description": "How steps are run, and which commands may be.",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "max_retries": {
      "x-loosens": "greater",
      "description": "Failures after which a step fails for good; 1 is a single attempt.",
      "type": ["integer", "null"],
      "minimum": 1,
      "maximum": 100,
      "errorMessage": {
            "minimum": "must be 1 or more, as it counts failures: for a single attempt write \"max_retries\": 1"
          },
      "default": 3,
      "examples": [5]
    },
    "lease_minutes": {
      "x-loosens": "never",
      "description": "How long a lease lasts; workers extend it while they live.",
      "type": ["number", "null"],
      "minimum": 0.02,
      "maximum": 1440,
      "default": 0.5,
      "examples": [2]
    },
    "step_timeout_seconds": {
      "x-loosens": "greater",
      "description": "How long one attempt may take.",
      "type": ["integer", "null"],
      "minimum": 1,
      "maximum": 604800,
      "default": 60,
      "examples": [300]
    },
    "backoff": {
      "x-loosens": "never",
      "description": "How long a failed step waits: base × factor^(failures - 1), at most max, spread by ± jitter.",
      "type": ["object", "null"],
      "additionalProperties": false,
      "default": {},
      "examples": [{"base_seconds": 2, "factor": 2, "max_seconds": 300, "jitter": 0.2}],
      "properties": {
        "base_seconds": {
          "description": "Seconds after the first failure.",
          "type": ["number", "null"], "minimum": 0, "maximum": 86400, "default": 2, "examples": [10]
        },
        "factor": {
          "description": "By how much it grows with each failure.",
          "type": ["number", "null"], "minimum": 1, "maximum": 100, "default": 2, "examples": [3]
        },
        "max_seconds": {
          "description": "The longest wait.",
          "type": ["number", "null"], "minimum": 0, "maximum": 604800, "default": 600, "examples": [300]
        },
        "jitter": {
          "description": "The spread, as a share.",
          "type": ["number", "null"], "minimum": 0, "maximum": 1, "default": 0.2, "examples": [0]
        }
      }
    },
    "blocked_executors": {
      "x-loosens": "removed",
      "description": "Executors, as globs, whose steps wait.",
      "$ref": "#/$defs/texts_or_null",
      "default": [],
      "examples": [["agent*"]]
    },
    "allowed_executors": {
      "x-loosens": "added",
      "description": "Executors, as globs; steps of others wait.",
      "$ref": "#/$defs/texts_or_null",
      "x-default": "all",
      "examples": [["noop", "sql"]]
    },
    "command_allow": {
      "x-loosens": "added",
      "description": "Commands that may be run: a glob for each argument. A list as the last takes any number more.",
      "type": ["array", "null"],
      "items": {"$ref": "#/$defs/command"},
      "default": [],
      "examples": [[["git", "status"], ["git", "log", ["-*"]]]]
    },
    "command_env": {
      "x-loosens": "added",
      "description": "Names of environment variables, as globs, that a command may be given.",
      "$ref": "#/$defs/texts_or_null",
      "default": [],
      "examples": [["APP_*"]]
    },
    "command_cwd": {
      "x-loosens": "added",
      "description": "Directories, as globs, that a command may be run in.",
      "$ref": "#/$defs/texts_or_null",
      "default": [],
      "examples": [["/srv/*"]]
    },
    "presets": {
      "x-loosens": "added",
      "description": "Executors of your own that are commands, by name.",
      "type": ["object", "null"],
      "additionalProperties": {"$ref": "#/$defs/preset"},
      "default": {},
      "examples": [{"restart": {"argv": ["systemctl", "restart", "{{params.unit}}"]}}]
    },
    "executors": {
      "description": "Settings of single executors, by name.",
      "type": ["object", "null"],
      "additionalProperties": {"$ref": "#/$defs/executor_settings"},
      "default": {},
      "examples": [{"agent": {"timeout_seconds": 600}}]
    },
    "http_allow_private": {
      "x-loosens": "true",
      "description": "Whether the executors http and agent may call addresses that are not public.",
      "type": ["boolean", "null"],
      "default": false,
      "examples": [true]
    },
    "idempotency": {
      "description": "How long what fn_idempotent did is known.",
      "type": ["object", "null"],
      "additionalProperties": false,
      "default": {},
      "examples": [{"keep_hours": 720}],
      "properties": {
        "keep_hours": {
          "x-loosens": "less",
          "description": "Hours that a key is kept.",
          "type": ["integer", "null"], "minimum": 1, "maximum": 87600, "default": 720, "examples": [24]
        }
      }
    },
    "description": {"$ref": "#/$defs/remark"},
    "allowed_subcommands": {
      "not": {},
      "errorMessage": "write \"presets\": {\"openclaw\": {…, \"allowed\": {\"subcommand\": [\"agent\"]}}}"
    },
    "allowed_openclaw_subcommands": {
      "not": {},
      "errorMessage": "write \"presets\": {\"openclaw\": {…, \"allowed\": {\"subcommand\": [\"agent\"]}}}"
    },
    "allowed_openclaw_commands": {
      "not": {},
      "errorMessage": "write \"presets\": {\"openclaw\": {…, \"allowed\": {\"subcommand\": [\"agent\"]}}}"
    },
    "allowed_tools": {
      "not": {},
      "errorMessage": "list what may be run in command_allow; tools of an agent are set where the agent is"
    },
    "openclaw_timeout_ms": {
      "not": {},
      "errorMessage": "write \"presets\": {\"openclaw\": {\"timeout_seconds\": 600, …}}"
    }
  },
  "$defs": {
    "command": {
      "title": "command",
      "type": "array",
      "minItems": 1,
      "items": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/texts"}]}
    },
    "preset": {
      "title": "preset",
      "description": "A command under a name of its own, filled from the params of the step.",
      "type": "object",
      "required": ["argv"],
      "additionalProperties": false,
      "properties": {
        "argv": {
          "x-loosens": "changed",
          "description": "The program, then its arguments; they take {{params.<name>}}. A list fills any number.",
          "$ref": "#/$defs/texts",
          "examples": [["git", "push", "{{params.remote}}"]]
        },
        "stdin": {
          "x-loosens": "changed",
          "description": "What it reads; takes {{params.<name>}}.",
          "type": ["string", "null"], "maxLength": 10000, "x-default": "nothing", "examples": ["{{params.text}}"]
        },
        "cwd": {
          "x-loosens": "changed",
          "description": "The directory that it is run in; command_cwd must have it.",
          "type": ["string", "null"], "minLength": 1, "maxLength": 10000, "x-default": "that of the worker",
          "examples": ["/srv/app"]
        },
        "env": {
          "x-loosens": "changed",
          "description": "Its environment variables; command_env must have their names.",
          "type": ["object", "null"], "default": {}, "examples": [{"APP_ENV": "prod"}]
        },
        "defaults": {
          "x-loosens": "changed",
          "description": "Params that a step need not give; null: an argument that has it is left out then.",
          "type": ["object", "null"], "default": {}, "examples": [{"remote": "origin", "agent": null}]
        },
        "allowed": {
          "x-loosens": "changed",
          "description": "Globs that the value of a param must match, by param.",
          "type": ["object", "null"],
          "additionalProperties": {"$ref": "#/$defs/texts_or_null"},
          "default": {}, "examples": [{"subcommand": ["agent", "think"]}]
        },
        "timeout_seconds": {
          "x-absent": "unknown", "x-loosens": "greater",
          "description": "How long one attempt may take.",
          "type": ["integer", "null"], "minimum": 1, "maximum": 604800, "x-default": "step_timeout_seconds",
          "examples": [1800]
        },
        "description": {"$ref": "#/$defs/remark"}
      }
    },
    "executor_settings": {
      "title": "settings of an executor",
      "description": "They precede those for all executors; a step's own precede them.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "timeout_seconds": {
          "x-absent": "unknown", "x-loosens": "greater",
          "description": "How long one attempt may take.",
          "type": ["integer", "null"], "minimum": 1, "maximum": 604800, "x-default": "step_timeout_seconds",
          "examples": [600]
        },
        "concurrency": {
          "x-loosens": "greater",
          "description": "How many of its steps one worker runs at once.",
          "type": ["integer", "null"], "minimum": 1, "maximum": 10000, "x-default": "no limit of its own",
          "examples": [2]
        },
        "on_lease_lost": {
          "x-loosens": "less",
          "description": "When the worker is lost: retry the step, or hold it for a person.",
          "enum": ["retry", "hold", null], "default": "retry", "examples": ["hold"]
        },
        "max_retries": {
          "x-absent": "unknown", "x-loosens": "greater",
          "description": "Failures after which a step fails for good.",
          "type": ["integer", "null"], "minimum": 1, "maximum": 100,
          "errorMessage": {
            "minimum": "must be 1 or more, as it counts failures: for a single attempt write \"max_retries\": 1"
          },
          "x-default": "max_retries", "examples": [1]
        }
      }
    }
  }
}
$json$;
end;
$$;
