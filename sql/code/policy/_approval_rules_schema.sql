create or replace function _approval_rules_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document approval_rules. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "approval_rules",
  "description": "How many people decide, from which group, until when.",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "groups": {
      "x-loosens": "added",
      "description": "The groups that rules name, by name.",
      "type": ["object", "null"],
      "propertyNames": {
        "pattern": "^[A-Za-z0-9_.:-]{1,128}$",
        "errorMessage": "a group is named by 1 to 128 letters, digits and _.:-"
      },
      "additionalProperties": {"$ref": "#/$defs/approval_group"},
      "default": {},
      "examples": [{"oncall": {"logins": ["ada", "eve"]}}]
    },
    "rules": {
      "x-key": "name", "x-loosens": "removed",
      "description": "All that hold add up. Without one, one person who may approve decides, and nothing expires.",
      "type": ["array", "null"],
      "items": {"$ref": "#/$defs/approval_rule"},
      "default": [],
      "examples": [[{"name": "releases", "require": [{"group": "*", "count": 2}]}]]
    },
    "publish": {
      "x-loosens": "never",
      "description": "The events proposal:…, as globs, that also go to the outbox.",
      "$ref": "#/$defs/texts_or_null",
      "default": [],
      "examples": [["proposal:*"]]
    },
    "break_glass": {
      "x-loosens": "added",
      "description": "A group of which one may decide alone in spite of open seats, with a reason, for review.",
      "type": ["object", "null"],
      "required": ["group", "per_month"],
      "additionalProperties": false,
      "properties": {
        "group": {
          "x-loosens": "changed",
          "description": "The group that may.",
          "type": "string",
          "minLength": 1,
          "maxLength": 128,
          "examples": ["leads"]
        },
        "per_month": {
          "x-loosens": "greater",
          "description": "How often in a UTC month.",
          "type": "integer",
          "minimum": 0,
          "maximum": 1000,
          "examples": [2]
        },
        "review_hours": {
          "x-loosens": "greater",
          "description": "Hours until two others must have signed it off.",
          "type": ["integer", "null"],
          "minimum": 1,
          "maximum": 8760,
          "default": 72,
          "examples": [24]
        }
      },
      "x-default": "nobody",
      "examples": [{"group": "leads", "per_month": 2}]
    },
    "policy": {
      "x-key": "group", "x-loosens": "removed",
      "description": "Who must agree to a change of policy that lets more run, whoever sets it among them.",
      "type": ["array", "null"],
      "items": {"$ref": "#/$defs/seat"},
      "default": [],
      "x-default": "whoever may set policy",
      "examples": [[{"group": "leads", "count": 2}]]
    },
    "description": {"$ref": "#/$defs/remark"}
  },
  "$defs": {
    "approval_group": {
      "title": "group",
      "description": "People, by their logins or database roles.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "logins": {
          "x-loosens": "added",
          "description": "Members by login.",
          "$ref": "#/$defs/texts_or_null",
          "default": [],
          "examples": [["ada", "eve"]]
        },
        "roles": {
          "x-loosens": "added",
          "description": "All members of these database roles; reader, producer, worker, operator, admin: this loop's.",
          "$ref": "#/$defs/texts_or_null",
          "default": [],
          "examples": [["security_team"]]
        },
        "description": {"$ref": "#/$defs/remark"}
      }
    },
    "approval_rule": {
      "title": "rule",
      "description": "What some proposals need.",
      "type": "object",
      "required": ["name"],
      "additionalProperties": false,
      "properties": {
        "name": {
          "x-loosens": "never",
          "description": "Its name, which no other rule has.",
          "type": "string",
          "minLength": 1,
          "maxLength": 200,
          "examples": ["releases"]
        },
        "when": {
          "description": "Which proposals it is about: all that it names must hold.",
          "type": ["object", "null"],
          "additionalProperties": false,
          "properties": {
            "min_risk": {
              "x-loosens": "greater",
              "description": "This risk or a higher one.",
              "enum": ["low", "medium", "high", null],
              "default": "low",
              "examples": ["high"]
            },
            "executors": {
              "x-loosens": "removed",
              "description": "Executors, as globs; one step that fits is enough.",
              "$ref": "#/$defs/texts_or_null",
              "x-default": "any",
              "examples": [["command"]]
            },
            "kinds": {
              "x-loosens": "removed",
              "description": "Kinds, as globs; one step that fits is enough.",
              "$ref": "#/$defs/texts_or_null",
              "x-default": "any",
              "examples": [["deploy:*"]]
            },
            "sources": {
              "x-loosens": "removed",
              "description": "Sources of proposals, as globs.",
              "$ref": "#/$defs/texts_or_null",
              "x-default": "any",
              "examples": [["agent:*"]]
            },
            "agents": {
              "x-loosens": "removed",
              "description": "The role that proposed it, or one that a step is for, as globs.",
              "$ref": "#/$defs/texts_or_null",
              "x-default": "any",
              "examples": [["planner"]]
            }
          },
          "x-default": "all",
          "examples": [{"min_risk": "high", "executors": ["command"]}]
        },
        "require": {
          "x-key": "group", "x-loosens": "removed",
          "description": "The seats that must be filled, each by a login of its own.",
          "type": ["array", "null"],
          "items": {"$ref": "#/$defs/seat"},
          "default": [],
          "x-default": "one of anybody, where no rule asks for more",
          "examples": [[{"group": "oncall", "count": 2}]]
        },
        "veto": {
          "x-loosens": "changed",
          "description": "Groups of which one rejection ends it; \"*\" is anybody who may decide.",
          "$ref": "#/$defs/texts_or_null",
          "x-default": "any rejection ends it, where no rule names one",
          "examples": [["security"]]
        },
        "reason_required": {
          "x-loosens": "false",
          "description": "Whether a decision needs a reason.",
          "type": ["boolean", "null"],
          "default": false,
          "examples": [true]
        },
        "expires_minutes": {
          "x-loosens": "greater",
          "description": "Minutes from when persons are asked; after that it never runs.",
          "type": ["integer", "null"],
          "minimum": 1,
          "maximum": 525600,
          "x-default": "never",
          "examples": [240]
        },
        "on_expiry": {
          "x-loosens": "greater",
          "description": "reject: it becomes expired. hold: it stays, and the votes until then no longer count.",
          "enum": ["reject", "hold", null],
          "default": "reject",
          "examples": ["hold"]
        },
        "escalate": {
          "x-key": "group", "x-loosens": "added",
          "description": "More people, the longer it waits; it never lowers a count.",
          "type": ["array", "null"],
          "items": {"$ref": "#/$defs/escalation"},
          "default": [],
          "examples": [[{"after_minutes": 60, "group": "security"}]]
        },
        "description": {"$ref": "#/$defs/remark"}
      }
    },
    "seat": {
      "title": "seat",
      "description": "People of a group.",
      "type": "object",
      "required": ["group"],
      "additionalProperties": false,
      "properties": {
        "group": {
          "x-loosens": "never",
          "description": "A name in groups; \"*\" is anybody who may decide.",
          "type": "string",
          "minLength": 1,
          "maxLength": 128,
          "examples": ["oncall"]
        },
        "count": {
          "x-loosens": "less",
          "description": "How many of them.",
          "type": ["integer", "null"],
          "minimum": 1,
          "maximum": 20,
          "default": 1,
          "examples": [2]
        }
      }
    },
    "escalation": {
      "title": "escalation",
      "description": "People who may fill the rule's seats from some time on.",
      "type": "object",
      "required": ["after_minutes", "group"],
      "additionalProperties": false,
      "properties": {
        "after_minutes": {
          "x-loosens": "less",
          "description": "Minutes from when persons are asked.",
          "type": "integer",
          "minimum": 1,
          "maximum": 525600,
          "examples": [60]
        },
        "group": {
          "x-loosens": "never",
          "description": "A name in groups; \"*\" is anybody who may decide.",
          "type": "string",
          "minLength": 1,
          "maxLength": 128,
          "examples": ["security"]
        },
        "event": {
          "x-loosens": "never",
          "description": "The event that tells of it.",
          "type": ["string", "null"],
          "pattern": "^proposal:[A-Za-z0-9_.:-]{1,119}$",
          "errorMessage": "must begin with proposal:, as the loop's own do, then 1 to 119 letters, digits and _.:-",
          "default": "proposal:escalated",
          "examples": ["proposal:late"]
        }
      }
    }
  }
}
$json$;
end;
$$;
