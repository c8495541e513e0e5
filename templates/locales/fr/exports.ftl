export-answers = Réponses
export-marks = Notes
export-jury = Jury
column-lot = Lot
column-dossier = Dossier
column-organisation = Structure
column-siret = SIRET
column-deposited-at = Déposé le (heure de Paris)
column-deposit-version = Version du dépôt
column-call-version = Version de l'appel
column-seat = Siège
column-person = Nom
column-email = Courriel
column-college = Collège
column-voice = Voix
column-chair = Préside
column-declared = Déclaration faite
column-assigned = Fiches demandées
column-locked = Fiches verrouillées
column-recusal = Déport sur
column-recusal-reason = Motif du déport
column-recusal-origin = Origine du déport
column-sheet = Fiche
column-criterion = Critère
column-criterion-label = Intitulé du critère
column-weight = Poids
column-mark = Note
column-abstention = Abstention
column-comment = Commentaire
column-counts = Compte
column-mean = Moyenne
column-points = Points
column-points-exact = Points exacts
sheet-state-locked = verrouillée
sheet-state-open = ouverte
counts-yes = oui
counts-no = non
origin-declared = déclaré
origin-imposed = prononcé
error-export-format = Cet export n'existe pas sous ce format : zip pour le recalcul, csv ou xlsx pour les autres.
kit-readme =
    Recalcul du classement { $ranking } de l'appel { $call }
    Empreinte des entrées (SHA-256) : { $sha256 } — moteur : { $engine }

    Un dossier par lot contient :
      GRID.json      l'échelle, les critères et leurs poids, les seuils, le départage
      MARKS.csv      une note par ligne, les jurés sous leur étiquette
      VALUES.csv     les valeurs du formulaire qui départagent
      RESULTAT.csv   ce que le classement publié dit : situation, rang, total exact

    Pour recalculer un lot :
      ami score --grid GRID.json --marks MARKS.csv --values VALUES.csv

    La commande donne les mêmes totaux, rangs, seuils et départages. Un dossier sans aucune note
    n'y figure pas : il est en « notation insuffisante » dans RESULTAT.csv.
menu-exports = Exports
export-title-decisions = Décisions
export-about-decisions = Chaque dossier déposé avec sa décision, son montant et son motif
export-title-answers = Réponses
export-about-answers = Chaque dossier déposé, une colonne par question du formulaire
export-title-marks = Notes
export-about-marks = Chaque note de chaque fiche, et ce que le dernier classement en a fait
export-title-jury = Jury
export-about-jury = Les sièges, leur avancement et les déports
export-title-recompute = Recalcul
export-about-recompute = Le dernier classement en fichiers simples, à recalculer par lot avec « ami score »
