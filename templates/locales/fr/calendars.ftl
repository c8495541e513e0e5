# The dates of a call in people's own calendars, and reminders.
calendar-download = Ajouter ces dates à mon agenda
calendar-closes = { $code } : fin du dépôt des dossiers
calendar-questions = { $code } : fin des questions
