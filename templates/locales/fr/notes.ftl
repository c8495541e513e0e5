# What a page says after an act.
note-signed-out = Vous êtes déconnecté·e.
note-confirmed = Votre adresse est confirmée : connectez-vous.
note-password = Votre mot de passe est enregistré : connectez-vous.
note-organisation = La structure est enregistrée.
note-saved = Enregistré.
note-saved-with-errors = Enregistré tel que saisi. Certaines réponses sont à corriger avant le dépôt.
note-begun = Votre dossier est ouvert, en brouillon.
note-uploaded = Le fichier est enregistré.
note-removed = Le fichier est retiré.
note-deposited = Votre dossier est déposé. Voici l'accusé de réception ; il vous est aussi envoyé par courriel.
note-taken-back = Le dossier est repris : il n'est plus déposé.
note-withdrawn = Le dossier est retiré.
note-declared = Votre déclaration est enregistrée.
note-locked = La fiche est verrouillée.
note-advanced = L'appel a changé d'étape.
note-invited = L'invitation est envoyée.
note-computed = Le classement est calculé.
