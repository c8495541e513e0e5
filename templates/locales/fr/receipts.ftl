# Receipts that anyone can verify.
receipt-verify = Chacun peut vérifier cet accusé, sans compte : flashez le code ci-dessous, ou saisissez son numéro (ou l'empreinte SHA-256 de ce fichier) sur { $url }. Hors connexion, la commande « ami receipt verify » le vérifie avec la clé publique du service.
receipt-number = Accusé n°
verify-title = Vérifier un accusé de réception
verify-lead = Chaque accusé de réception porte un numéro que personne ne peut deviner. Saisissez-le pour savoir si l'accusé vient bien de ce service. Rien du dossier n'est montré.
verify-number = Numéro de l'accusé, ou empreinte SHA-256 du fichier PDF
verify-hint = Le numéro compte 32 chiffres et lettres de a à f, l'empreinte 64. Espaces, tirets et majuscules ne comptent pas.
verify-button = Vérifier
verify-genuine = Authentique : cet accusé a été remis par ce service.
verify-differs = Cet accusé n'est plus celui qui a été remis : ne vous y fiez pas, et écrivez au service.
verify-deposited = Dossier reçu le
verify-sha256 = Empreinte SHA-256 du fichier remis
verify-compare = Pour être sûr que le PDF que vous avez n'a pas été modifié, comparez son empreinte à celle-ci. Sous Windows : « certutil -hashfile accuse.pdf SHA256 » ; sous macOS : « shasum -a 256 accuse.pdf » ; sous Linux : « sha256sum accuse.pdf ».
footer-verify = Vérifier un accusé
error-receipt-unknown = Aucun accusé de réception ne porte ce numéro, ni cette empreinte. Vérifiez votre saisie ; un fichier modifié, ou imprimé de nouveau en PDF, n'a plus la même empreinte.
