"""The parts that all workloads share: the server, rounds, figures, judgement, tables and plots."""
