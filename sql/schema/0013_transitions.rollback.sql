-- Takes back 0013_transitions, with all rows.
set local lock_timeout = '5s';

drop table sd_phase_handoffs;
drop table sd_transition_audit;
drop table sd_session_claims;
drop table user_stories;
drop table product_requirements;
drop table strategic_directives;
