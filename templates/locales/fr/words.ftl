# States, decisions and other words of tables.
phase-draft = En préparation
phase-upcoming = Ouverture à venir
phase-open = Dépôts ouverts
phase-closed = Dépôts clos
phase-admissibility = Recevabilité
phase-marking = Notation
phase-hearings = Auditions
phase-plenary = Plénière du jury
phase-deliberation = Délibération
phase-notified = Notifié
phase-archived = Archivé
state-draft = Brouillon
state-deposited = Déposé
state-withdrawn = Retiré
state-admissible = Recevable
state-inadmissible = Irrecevable
inadmissible-late = hors délai
inadmissible-ineligible = structure non éligible
inadmissible-incomplete = dossier incomplet
status-ranked = Classé
status-eliminated = Éliminé
status-insufficient = Notation insuffisante
status-inadmissible = Irrecevable
status-withdrawn = Retiré
status-unranked = Non classé
decision-retained = Retenu
decision-reserve = Liste complémentaire
decision-refused = Non retenu
decision-inadmissible = Irrecevable
decision-without-outcome = Sans suite
college-presidency = Présidence
college-elected = Élus
college-department = Département
college-partners = Partenaires
college-qualified = Personnalité qualifiée
college-users = Usagers
college-experts = Experts
voice-deliberative = Délibérative
voice-consultative = Consultative
reason-member = Dirigeant·e, salarié·e ou bénévole actif·ve de la structure
reason-family = Parenté
reason-office = Mandat dans la commune ou l'EPT candidat
reason-financial = Lien financier
reason-dispute = Contentieux ou concurrence
reason-author = Participation à la rédaction du dossier
reason-other = Autre
form-association = Association déclarée
form-fondation = Fondation
form-scic = SCIC
form-scop = SCOP
form-esus = ESUS (autre structure de l'ESS)
form-siae = SIAE
form-commune = Commune
form-ccas = CCAS
form-ept = Établissement public territorial
form-gip = Groupement d'intérêt public
form-autre = Autre
step-published = Publier l'appel
step-admissibility = Ouvrir la recevabilité
step-marking = Ouvrir la notation
step-hearings = Passer aux auditions
step-plenary = Ouvrir la plénière du jury
step-deliberation = Passer à la délibération
step-notified = Marquer comme notifié
step-archived = Archiver
cell-none = non affecté
cell-assigned = à noter
cell-locked = verrouillée
cell-recused = déport

# What a step would leave unfinished.
unfinished-unexamined = dossiers déposés dont la recevabilité n'est pas examinée : { $count }
unfinished-no-juror = le jury n'a aucun membre à voix délibérative
unfinished-open-sheets = fiches de notation qui ne sont pas verrouillées : { $count }
unfinished-no-ranking = aucun classement n'a été calculé
unfinished-undecided = dossiers sans décision, ou dont la décision est à confirmer : { $count }

# What a step does.
step-about-published = L'appel devient public. Le formulaire, les pièces, la grille et les règles ne se modifient plus.
step-about-admissibility = Les contenus sont descellés. Vous vérifiez la recevabilité de chaque dossier, avec un motif écrit en cas d'irrecevabilité.
step-about-marking = Les membres du jury qui ont fait leur déclaration accèdent aux dossiers qui leur sont affectés et les notent.
step-about-hearings = La notation individuelle se termine : les candidats sont entendus.
step-about-plenary = Le jury se réunit et rend son avis : les membres voient le classement.
step-about-deliberation = L'avis du jury est rendu. L'autorité délibère, dossier par dossier.
step-about-notified = À faire quand chaque candidat a reçu sa lettre : elles partent de la page de chaque délibération.
step-about-archived = L'appel est clos et conservé.

# How the marks of jurors become one.
aggregation-mean = moyenne
aggregation-median = médiane
aggregation-trimmed = moyenne, sans les { $k } plus basses ni les { $k } plus hautes,
aggregation-voices = moyenne, chaque collège comptant selon son poids,

# Published rules that a decision goes beyond.
rule-threshold = dossier éliminé par un seuil
rule-jurors = notation insuffisante
rule-legal-form = forme juridique non admise
rule-laureates = nombre de lauréats du lot
rule-reserve = longueur de la liste complémentaire
rule-lots = nombre de lots d'un même candidat
rule-envelope = enveloppe annuelle

# Why a decision is to be confirmed.
stale-withdrawn = dossier retiré
stale-inadmissible = dossier déclaré irrecevable
stale-admissible = dossier déclaré recevable
stale-recusal = déport d'un·e juré·e qui avait noté
stale-sheet-reopened = fiche de notation rouverte
stale-ranking-changed = nouveau classement, aux entrées différentes
decision-to-confirm = { $decision } (à confirmer)
