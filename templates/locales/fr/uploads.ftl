# Files that come in parts.
upload-pause = Suspendre l'envoi
upload-pause-of = de { $slot }
error-slot-unknown = Cet appel n'a pas cette pièce. Vérifiez son code.
error-sha256 = Une empreinte SHA-256 compte 64 chiffres et lettres de a à f.
error-too-many-uploads = Trop d'envois sont en cours pour ce dossier. Terminez-les, ou réessayez dans deux heures.
error-part-number = Ce fichier se compose des parties 1 à { $max }.
error-part-size = La partie { $number } doit compter { $bytes } octets exactement. Renvoyez-la entière.
error-upload-over = Cet envoi est terminé : il n'attend plus de partie.
error-upload-incomplete = Il manque des parties, ou elles n'ont pas la bonne taille : { $parts }. Envoyez-les, puis terminez.
error-upload-expired = Cet envoi a été abandonné : un autre l'a remplacé, ou rien n'est arrivé pendant deux heures. Recommencez-le.
error-upload-differs = Le fichier reçu n'est pas celui qui était annoncé (taille ou empreinte SHA-256). Recommencez l'envoi.
error-upload-lost = Ce fichier n'a pas pu être vérifié. Recommencez l'envoi.
