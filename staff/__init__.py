"""Who may do what: editors and operators, their sessions, the audit trail."""
