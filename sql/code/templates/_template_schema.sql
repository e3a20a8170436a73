create or replace function _template_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of a template and of its steps, as definitions. _template_faults, which is on the path of every
-- proposal, has the same rules written out; a property test holds one against the other.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "template": {
    "title": "template",
    "description": "What is proposed: steps, and how they depend on each other.",
    "type": "object",
    "required": ["steps"],
    "additionalProperties": false,
    "properties": {
      "title": {
        "description": "What people see. In a pattern it takes {{event.…}}.",
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": 1000,
        "default": null,
        "examples": ["Restart {{event.data.service}}"]
      },
      "rationale": {
        "description": "Why it is proposed; persons see it before they decide. It is shown, never run.",
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": 10000,
        "default": null,
        "examples": ["The disk has been 95 % full since Monday."]
      },
      "refs": {
        "description": "Links or ids that say more, for persons. They are shown, never opened.",
        "type": ["array", "null"],
        "maxItems": 50,
        "items": {"type": "string", "minLength": 1, "maxLength": 2000},
        "default": [],
        "examples": [["https://tickets.example.com/17"]]
      },
      "risk_level": {
        "description": "The risk as its author sees it; the rules in policy may find a higher one, never a lower.",
        "enum": ["low", "medium", "high", null],
        "default": "low",
        "examples": ["medium"]
      },
      "priority": {
        "description": "Steps of a higher priority are claimed first.",
        "type": ["integer", "null"],
        "minimum": -100,
        "maximum": 100,
        "default": 0,
        "examples": [10]
      },
      "run_after": {
        "description": "Its first steps start no sooner: seconds from the approval on, or a time.",
        "$ref": "#/$defs/seconds_or_time",
        "x-default": "at once",
        "examples": ["2030-01-31T09:00:00Z"]
      },
      "steps": {
        "description": "The steps. One without depends_on waits for the one before it.",
        "type": "array",
        "minItems": 1,
        "maxItems": 10000,
        "items": {"$ref": "#/$defs/step"},
        "examples": [[{"kind": "noop"}]]
      }
    }
  },
  "step": {
    "title": "step",
    "description": "One unit of work.",
    "type": "object",
    "required": ["kind"],
    "additionalProperties": false,
    "properties": {
      "key": {
        "description": "Its name in the template, for depends_on and {{steps.<key>.result.…}}.",
        "type": ["string", "null"],
        "pattern": "^[A-Za-z0-9_-]{1,64}$",
        "x-default": "step_1, step_2, …",
        "examples": ["look"]
      },
      "kind": {
        "description": "What it is about, for auto_approve.allowed_step_kinds. approval, wait and mission run nothing.",
        "$ref": "#/$defs/name",
        "examples": ["sql"]
      },
      "executor": {
        "description": "What runs it: a built-in executor, a preset of worker_policy, or one of your own.",
        "type": ["string", "null"],
        "pattern": "^[A-Za-z0-9_.:-]{1,128}$",
        "x-default": "the kind",
        "examples": ["http"]
      },
      "params": {
        "description": "What the executor gets; each has its own, see executors.",
        "type": ["object", "null"],
        "default": {},
        "examples": [{"statement": "select 1"}]
      },
      "depends_on": {
        "description": "Keys of the steps that must have succeeded before it starts; [] starts it at once.",
        "$ref": "#/$defs/texts_or_null",
        "x-default": "the step before it",
        "examples": [["look"]]
      },
      "needs_approval": {
        "description": "When its turn comes, it waits for persons, as approval_rules says, before it runs.",
        "type": ["boolean", "null"],
        "default": false,
        "examples": [true]
      },
      "for_each": {
        "description": "A copy of the step is run for each of these, {{item}} in its params; the result is a list.",
        "$ref": "#/$defs/items",
        "x-default": "one step",
        "examples": ["{{steps.look.result.files}}"]
      },
      "run_after": {
        "description": "It starts no sooner: seconds from its turn on, or a time. A retry does not wait for it again.",
        "$ref": "#/$defs/seconds_or_time",
        "x-default": "at once",
        "examples": [300]
      },
      "max_retries": {
        "description": "Failures after which it fails for good; 1 is a single attempt.",
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 100,
        "x-default": "worker_policy.max_retries, 3",
        "examples": [1]
      },
      "timeout_seconds": {
        "description": "How long one attempt may take.",
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 604800,
        "x-default": "worker_policy.step_timeout_seconds, 60",
        "examples": [600]
      },
      "on_failure": {
        "description": "When it fails for good: fail the mission, continue all the same, or isolate what needs it.",
        "enum": ["fail", "continue", "isolate", null],
        "default": "fail",
        "examples": ["continue"]
      },
      "on_lease_lost": {
        "description": "When its worker is lost: retry it, or hold it for a person, where twice could hurt.",
        "enum": ["retry", "hold", null],
        "x-default": "retry, or as worker_policy says",
        "examples": ["hold"]
      }
    }
  }
}
$json$;
end;
$$;
