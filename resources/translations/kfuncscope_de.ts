<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de">
<context>
    <name></name>
    <message>
        <source>The decision first</source>
        <translation>Zuerst die Entscheidung</translation>
    </message>
    <message>
        <source>Can the upgrade be shipped? Two words, why, and one card per architecture. Click a card to narrow everything to it.</source>
        <translation>Kann das Upgrade ausgeliefert werden? Zwei Wörter, warum, und eine Karte je Architektur. Ein Klick auf eine Karte schränkt alles auf sie ein.</translation>
    </message>
    <message>
        <source>What breaks what</source>
        <translation>Was bricht was</translation>
    </message>
    <message>
        <source>Objects, their programs, and what these need of the kernel. Shape, word and colour tell what the upgrade does. N goes to the next breakage.</source>
        <translation>Objekte, ihre Programme und was diese vom Kernel brauchen. Form, Wort und Farbe sagen, was das Upgrade bewirkt. N geht zum nächsten Bruch.</translation>
    </message>
    <message>
        <source>All about one finding</source>
        <translation>Alles zu einem Befund</translation>
    </message>
    <message>
        <source>Verdict, how far it reaches, the rule, both declarations, the source line, and C to copy.</source>
        <translation>Urteil, wie weit es reicht, die Regel, beide Deklarationen, die Quellzeile und C zum Kopieren.</translation>
    </message>
    <message>
        <source>All architectures at once</source>
        <translation>Alle Architekturen auf einmal</translation>
    </message>
    <message>
        <source>Programs by architecture. A click on a cell narrows to it.</source>
        <translation>Programme nach Architektur. Ein Klick auf eine Zelle schränkt auf sie ein.</translation>
    </message>
    <message>
        <source>Filters are chips</source>
        <translation>Filter sind Marken</translation>
    </message>
    <message>
        <source>Each can be removed, Ctrl+Z brings it back. They are saved with the session.</source>
        <translation>Jeder lässt sich entfernen, Strg+Z holt ihn zurück. Sie werden mit der Sitzung gespeichert.</translation>
    </message>
    <message>
        <source>What if?</source>
        <translation>Was wäre wenn?</translation>
    </message>
    <message>
        <source>Right-click what a program needs and ask what would break if it were removed. Ctrl+K finds every command and name.</source>
        <translation>Rechtsklick auf etwas, das ein Programm braucht: Was bräche, wenn es entfernt würde? Strg+K findet jeden Befehl und Namen.</translation>
    </message>
    <message>
        <source>Nothing is skipped silently</source>
        <translation>Nichts wird stillschweigend übergangen</translation>
    </message>
    <message>
        <source>What could not be read or judged is listed here with the reason. Now drop your own kernels and objects on the window.</source>
        <translation>Was nicht gelesen oder beurteilt werden konnte, steht hier mit dem Grund. Nun können eigene Kernel und Objekte auf das Fenster gezogen werden.</translation>
    </message>
    <message>
        <source>object</source>
        <translation>Objekt</translation>
    </message>
    <message>
        <source>program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>need</source>
        <translation>Bedarf</translation>
    </message>
    <message>
        <source>holds {0}</source>
        <translation>enthält {0}</translation>
    </message>
    <message>
        <source>needs {0}</source>
        <translation>braucht {0}</translation>
    </message>
    <message>
        <source>of object {0}</source>
        <translation>von Objekt {0}</translation>
    </message>
    <message>
        <source>used by {0}</source>
        <translation>benutzt von {0}</translation>
    </message>
    <message>
        <source> and {0} more</source>
        <translation> und {0} weitere</translation>
    </message>
    <message>
        <source>not found</source>
        <translation>nicht gefunden</translation>
    </message>
    <message>
        <source>no such file or folder</source>
        <translation>keine solche Datei, kein solcher Ordner</translation>
    </message>
    <message>
        <source>folder</source>
        <translation>Ordner</translation>
    </message>
    <message>
        <source>file</source>
        <translation>Datei</translation>
    </message>
    <message>
        <source>not read yet</source>
        <translation>noch nicht gelesen</translation>
    </message>
    <message>
        <source>being read</source>
        <translation>wird gelesen</translation>
    </message>
    <message>
        <source>cannot be read</source>
        <translation>nicht lesbar</translation>
    </message>
    <message>
        <source>read in part</source>
        <translation>teilweise gelesen</translation>
    </message>
    <message>
        <source>read</source>
        <translation>gelesen</translation>
    </message>
    <message>
        <source>tables of {0}</source>
        <translation>Tabellen von {0}</translation>
    </message>
    <message>
        <source>no tables of its own; those of {0}</source>
        <translation>ohne eigene Tabellen; die von {0}</translation>
    </message>
    <message>
        <source>release unknown</source>
        <translation>Version unbekannt</translation>
    </message>
    <message>
        <source>module</source>
        <translation>Modul</translation>
    </message>
    <message>
        <source>modules</source>
        <translation>Module</translation>
    </message>
    <message>
        <source>objects</source>
        <translation>Objekte</translation>
    </message>
    <message>
        <source>not read</source>
        <translation>nicht gelesen</translation>
    </message>
</context>
<context>
    <name>AboutDialog</name>
    <message>
        <source>About kfuncscope</source>
        <translation>Über kfuncscope</translation>
    </message>
    <message>
        <source>Which of the BPF programs we ship stop working on the new kernel, where, why, and what to do about it.</source>
        <translation>Welche der ausgelieferten BPF-Programme auf dem neuen Kernel nicht mehr laufen, wo, warum, und was zu tun ist.</translation>
    </message>
    <message>
        <source>Versions</source>
        <translation>Versionen</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
</context>
<context>
    <name>Annotations</name>
    <message>
        <source>Note</source>
        <translation>Notiz</translation>
    </message>
    <message>
        <source>Note on the cause</source>
        <translation>Notiz zur Ursache</translation>
    </message>
    <message>
        <source>note on {0}</source>
        <translation>Notiz zu {0}</translation>
    </message>
    <message>
        <source>Notes {0}</source>
        <translation>Notizen {0}</translation>
    </message>
    <message>
        <source>Notes</source>
        <translation>Notizen</translation>
    </message>
    <message>
        <source>Policy not used: {0}</source>
        <translation>Richtlinie nicht verwendet: {0}</translation>
    </message>
    <message>
        <source>Policy file</source>
        <translation>Richtliniendatei</translation>
    </message>
    <message>
        <source>waive {0}</source>
        <translation>Ausnahme für {0}</translation>
    </message>
    <message>
        <source>Cannot write the policy: {0}</source>
        <translation>Die Richtlinie kann nicht geschrieben werden: {0}</translation>
    </message>
</context>
<context>
    <name>Banner</name>
    <message>
        <source>Back to the real result</source>
        <translation>Zurück zum wirklichen Ergebnis</translation>
    </message>
    <message>
        <source>Take back: {0}</source>
        <translation>Zurücknehmen: {0}</translation>
    </message>
    <message>
        <source>and {0} more</source>
        <translation>und {0} weitere</translation>
    </message>
</context>
<context>
    <name>Baseline</name>
    <message>
        <source>Compare with an earlier result…</source>
        <translation>Mit einem früheren Ergebnis vergleichen…</translation>
    </message>
    <message>
        <source>JSON reports (*.json)</source>
        <translation>JSON-Berichte (*.json)</translation>
    </message>
    <message>
        <source>Open an earlier JSON report</source>
        <translation>Einen früheren JSON-Bericht öffnen</translation>
    </message>
    <message>
        <source>compare with an earlier result</source>
        <translation>mit einem früheren Ergebnis vergleichen</translation>
    </message>
    <message>
        <source>compare no longer</source>
        <translation>nicht mehr vergleichen</translation>
    </message>
    <message>
        <source>Earlier result not used: {0}</source>
        <translation>Früheres Ergebnis nicht verwendet: {0}</translation>
    </message>
</context>
<context>
    <name>BaselineDialog</name>
    <message>
        <source>Compared with an earlier result</source>
        <translation>Verglichen mit einem früheren Ergebnis</translation>
    </message>
    <message>
        <source>Findings that differ</source>
        <translation>Befunde, die sich unterscheiden</translation>
    </message>
    <message>
        <source>Compare no longer</source>
        <translation>Nicht mehr vergleichen</translation>
    </message>
    <message>
        <source>Against {0}: {1} new, {2} worse, {3} better, {4} gone, {5} unchanged</source>
        <translation>Gegenüber {0}: {1} neu, {2} schlechter, {3} besser, {4} weggefallen, {5} unverändert</translation>
    </message>
    <message>
        <source>not compared: {0}</source>
        <translation>nicht verglichen: {0}</translation>
    </message>
</context>
<context>
    <name>BlastCanvas</name>
    <message>
        <source>Before and after under the assumptions</source>
        <translation>Vorher und nachher unter den Annahmen</translation>
    </message>
    <message>
        <source>program breaks newly</source>
        <translation>Programm bricht neu</translation>
    </message>
    <message>
        <source>programs break newly</source>
        <translation>Programme brechen neu</translation>
    </message>
    <message>
        <source>no program begins or ceases to break</source>
        <translation>kein Programm beginnt zu brechen oder hört damit auf</translation>
    </message>
    <message>
        <source>program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>programs</source>
        <translation>Programme</translation>
    </message>
    <message>
        <source>{0} touched</source>
        <translation>{0} betroffen</translation>
    </message>
    <message>
        <source>program no longer breaks</source>
        <translation>Programm bricht nicht mehr</translation>
    </message>
    <message>
        <source>programs no longer break</source>
        <translation>Programme brechen nicht mehr</translation>
    </message>
    <message>
        <source>{0} no longer break</source>
        <translation>{0} brechen nicht mehr</translation>
    </message>
    <message>
        <source>{0} on {1}</source>
        <translation>{0} auf {1}</translation>
    </message>
    <message>
        <source>all that is touched</source>
        <translation>alles, was betroffen ist</translation>
    </message>
    <message>
        <source>{0} of {1} break newly</source>
        <translation>{0} von {1} brechen neu</translation>
    </message>
    <message>
        <source>BEFORE</source>
        <translation>VORHER</translation>
    </message>
    <message>
        <source>AFTER</source>
        <translation>NACHHER</translation>
    </message>
    <message>
        <source>{0}, before: {1}, after: {2}</source>
        <translation>{0}, vorher: {1}, nachher: {2}</translation>
    </message>
</context>
<context>
    <name>CensusModel</name>
    <message>
        <source>does not run</source>
        <translation>läuft nicht</translation>
    </message>
    <message>
        <source>Program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>Object</source>
        <translation>Objekt</translation>
    </message>
    <message>
        <source>Recognised</source>
        <translation>Erkannt</translation>
    </message>
    <message>
        <source>Hosts</source>
        <translation>Hosts</translation>
    </message>
    <message>
        <source>Running</source>
        <translation>Laufend</translation>
    </message>
</context>
<context>
    <name>CensusView</name>
    <message>
        <source>Runs somewhere</source>
        <translation>Läuft irgendwo</translation>
    </message>
    <message>
        <source>Show only programs that run on a host of the census, in every view</source>
        <translation>Nur Programme zeigen, die auf einem Host der Erhebung laufen, in jeder Ansicht</translation>
    </message>
    <message>
        <source>Programs on hosts</source>
        <translation>Programme auf Hosts</translation>
    </message>
    <message>
        <source>No census: drop files that kfuncscope census has collected on hosts.</source>
        <translation>Keine Erhebung: Dateien hierher ziehen, die kfuncscope census auf Hosts gesammelt hat.</translation>
    </message>
</context>
<context>
    <name>ChangesModel</name>
    <message>
        <source>new</source>
        <translation>neu</translation>
    </message>
    <message>
        <source>worse</source>
        <translation>schlechter</translation>
    </message>
    <message>
        <source>better</source>
        <translation>besser</translation>
    </message>
    <message>
        <source>gone</source>
        <translation>weggefallen</translation>
    </message>
</context>
<context>
    <name>ChipBar</name>
    <message>
        <source>Active filters</source>
        <translation>Aktive Filter</translation>
    </message>
    <message>
        <source>Remove the filter “{0}”</source>
        <translation>Filter „{0}“ entfernen</translation>
    </message>
    <message>
        <source>Show only some verdicts, kinds of needs or packages</source>
        <translation>Nur einige Urteile, Arten von Bedarf oder Pakete zeigen</translation>
    </message>
    <message>
        <source>Add a filter</source>
        <translation>Filter hinzufügen</translation>
    </message>
    <message>
        <source>1 filter ▾</source>
        <translation>1 Filter ▾</translation>
    </message>
    <message>
        <source>{0} filters ▾</source>
        <translation>{0} Filter ▾</translation>
    </message>
    <message>
        <source>{0} more ▾</source>
        <translation>{0} weitere ▾</translation>
    </message>
    <message>
        <source>Filters without room: {0}</source>
        <translation>Filter ohne Platz: {0}</translation>
    </message>
    <message>
        <source>Only affected</source>
        <translation>Nur Betroffenes</translation>
    </message>
    <message>
        <source>Verdict</source>
        <translation>Urteil</translation>
    </message>
    <message>
        <source>Kind of need</source>
        <translation>Art des Bedarfs</translation>
    </message>
    <message>
        <source>Package</source>
        <translation>Paket</translation>
    </message>
    <message>
        <source>Runs somewhere</source>
        <translation>Läuft irgendwo</translation>
    </message>
    <message>
        <source>Kernel disagrees</source>
        <translation>Kernel widerspricht</translation>
    </message>
    <message>
        <source>Remove all filters</source>
        <translation>Alle Filter entfernen</translation>
    </message>
</context>
<context>
    <name>CompareView</name>
    <message>
        <source>First kernel</source>
        <translation>Erster Kernel</translation>
    </message>
    <message>
        <source>Second kernel</source>
        <translation>Zweiter Kernel</translation>
    </message>
    <message>
        <source>functions and types too</source>
        <translation>auch Funktionen und Typen</translation>
    </message>
    <message>
        <source>Compare</source>
        <translation>Vergleichen</translation>
    </message>
    <message>
        <source>Name (regular expression)</source>
        <translation>Name (regulärer Ausdruck)</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>Art</translation>
    </message>
    <message>
        <source>Change</source>
        <translation>Änderung</translation>
    </message>
    <message>
        <source>all changes</source>
        <translation>alle Änderungen</translation>
    </message>
    <message>
        <source>Differences</source>
        <translation>Unterschiede</translation>
    </message>
    <message>
        <source>Both declarations</source>
        <translation>Beide Deklarationen</translation>
    </message>
    <message>
        <source>comparing…</source>
        <translation>vergleicht…</translation>
    </message>
    <message>
        <source>all kinds</source>
        <translation>alle Arten</translation>
    </message>
    <message>
        <source>difference</source>
        <translation>Unterschied</translation>
    </message>
    <message>
        <source>differences</source>
        <translation>Unterschiede</translation>
    </message>
    <message>
        <source>Choose two kernels and compare them.</source>
        <translation>Zwei Kernel auswählen und vergleichen.</translation>
    </message>
    <message>
        <source>&lt;i&gt;absent&lt;/i&gt;</source>
        <translation>&lt;i&gt;fehlt&lt;/i&gt;</translation>
    </message>
    <message>
        <source>FIRST</source>
        <translation>ERSTER</translation>
    </message>
    <message>
        <source>SECOND</source>
        <translation>ZWEITER</translation>
    </message>
</context>
<context>
    <name>DecisionCard</name>
    <message>
        <source>Click to show all architectures</source>
        <translation>Klicken zeigt alle Architekturen</translation>
    </message>
</context>
<context>
    <name>Desktop</name>
    <message>
        <source>Quit</source>
        <translation>Beenden</translation>
    </message>
    <message>
        <source>Preferences…</source>
        <translation>Einstellungen…</translation>
    </message>
    <message>
        <source>Switch between light and dark</source>
        <translation>Zwischen hell und dunkel wechseln</translation>
    </message>
    <message>
        <source>Menu bar</source>
        <translation>Menüleiste</translation>
    </message>
    <message>
        <source>Reset layout</source>
        <translation>Anordnung zurücksetzen</translation>
    </message>
    <message>
        <source>About kfuncscope</source>
        <translation>Über kfuncscope</translation>
    </message>
    <message>
        <source>Show {0}</source>
        <translation>{0} zeigen</translation>
    </message>
    <message>
        <source>{0} panel</source>
        <translation>Bereich {0}</translation>
    </message>
</context>
<context>
    <name>DetailPanel</name>
    <message>
        <source>Detail</source>
        <translation>Einzelheiten</translation>
    </message>
    <message>
        <source>Select something in the graph, the matrix or the findings to see why.</source>
        <translation>Etwas im Graphen, in der Matrix oder in den Befunden auswählen, um den Grund zu sehen.</translation>
    </message>
    <message>
        <source>DETAIL · {0}</source>
        <translation>EINZELHEITEN · {0}</translation>
    </message>
    <message>
        <source>ALL ARCHITECTURES</source>
        <translation>ALLE ARCHITEKTUREN</translation>
    </message>
    <message>
        <source>Nothing is affected</source>
        <translation>Nichts ist betroffen</translation>
    </message>
    <message>
        <source>Where to begin</source>
        <translation>Womit beginnen</translation>
    </message>
    <message>
        <source>Most common causes ({0}):</source>
        <translation>Häufigste Ursachen ({0}):</translation>
    </message>
    <message>
        <source>program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>programs</source>
        <translation>Programme</translation>
    </message>
    <message>
        <source>Select anything in the graph, the matrix or the findings to see why.</source>
        <translation>Irgendetwas im Graphen, in der Matrix oder in den Befunden auswählen, um den Grund zu sehen.</translation>
    </message>
    <message>
        <source>Not judged here</source>
        <translation>Hier nicht beurteilt</translation>
    </message>
    <message>
        <source>PROGRAMS</source>
        <translation>PROGRAMME</translation>
    </message>
    <message>
        <source>Nothing that this program needs changes.</source>
        <translation>Nichts, was dieses Programm braucht, ändert sich.</translation>
    </message>
    <message>
        <source>The upgrade does not affect it.</source>
        <translation>Das Upgrade betrifft es nicht.</translation>
    </message>
    <message>
        <source>USED BY</source>
        <translation>BENUTZT VON</translation>
    </message>
    <message>
        <source>What if it were kept?</source>
        <translation>Was, wenn es bliebe?</translation>
    </message>
    <message>
        <source>What if it were removed?</source>
        <translation>Was, wenn es entfernt würde?</translation>
    </message>
    <message>
        <source>and {0} more in the Findings tab</source>
        <translation>und {0} weitere unter Befunde</translation>
    </message>
    <message>
        <source>Note: {0}</source>
        <translation>Notiz: {0}</translation>
    </message>
    <message>
        <source>CALLED FROM</source>
        <translation>AUFGERUFEN VON</translation>
    </message>
    <message>
        <source>and {0} more places</source>
        <translation>und {0} weitere Stellen</translation>
    </message>
    <message>
        <source>REMEDY</source>
        <translation>ABHILFE</translation>
    </message>
    <message>
        <source>WHAT MAY TAKE ITS PLACE</source>
        <translation>WAS AN SEINE STELLE TRETEN KANN</translation>
    </message>
    <message>
        <source>Copy fix</source>
        <translation>Abhilfe kopieren</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Note…</source>
        <translation>Notiz…</translation>
    </message>
    <message>
        <source>Note on the cause…</source>
        <translation>Notiz zur Ursache…</translation>
    </message>
    <message>
        <source>Waive…</source>
        <translation>Ausnahme…</translation>
    </message>
    <message>
        <source>provided by</source>
        <translation>bereitgestellt von</translation>
    </message>
    <message>
        <source>state</source>
        <translation>Zustand</translation>
    </message>
    <message>
        <source>old kernel</source>
        <translation>alter Kernel</translation>
    </message>
    <message>
        <source>new kernel</source>
        <translation>neuer Kernel</translation>
    </message>
    <message>
        <source>WHAT DIFFERS</source>
        <translation>WAS SICH UNTERSCHEIDET</translation>
    </message>
    <message>
        <source>DECLARATION, THE SAME ON BOTH KERNELS</source>
        <translation>DEKLARATION, AUF BEIDEN KERNELN GLEICH</translation>
    </message>
    <message>
        <source>DECLARATION</source>
        <translation>DEKLARATION</translation>
    </message>
    <message>
        <source>&lt;i&gt;absent&lt;/i&gt;</source>
        <translation>&lt;i&gt;fehlt&lt;/i&gt;</translation>
    </message>
    <message>
        <source>OLD KERNEL</source>
        <translation>ALTER KERNEL</translation>
    </message>
    <message>
        <source>NEW KERNEL</source>
        <translation>NEUER KERNEL</translation>
    </message>
    <message>
        <source>ON EACH ARCHITECTURE</source>
        <translation>AUF JEDER ARCHITEKTUR</translation>
    </message>
    <message>
        <source>– not used</source>
        <translation>– nicht benutzt</translation>
    </message>
    <message>
        <source>not judged</source>
        <translation>nicht beurteilt</translation>
    </message>
    <message>
        <source>THE PROGRAM AS A WHOLE</source>
        <translation>DAS PROGRAMM ALS GANZES</translation>
    </message>
    <message>
        <source>old kernel: {0}
new kernel: {1}</source>
        <translation>alter Kernel: {0}
neuer Kernel: {1}</translation>
    </message>
    <message>
        <source>SEEN ON THE BOOTED KERNEL</source>
        <translation>AUF DEM GEBOOTETEN KERNEL GESEHEN</translation>
    </message>
    <message>
        <source>COULD NOT CHECK</source>
        <translation>NICHT PRÜFBAR</translation>
    </message>
    <message>
        <source>and {0} more</source>
        <translation>und {0} weitere</translation>
    </message>
    <message>
        <source>line</source>
        <translation>Zeile</translation>
    </message>
    <message>
        <source>lines</source>
        <translation>Zeilen</translation>
    </message>
    <message>
        <source>Copied: {0}</source>
        <translation>Kopiert: {0}</translation>
    </message>
</context>
<context>
    <name>Dialogs</name>
    <message>
        <source>“{0}” exists. Replace it?</source>
        <translation>„{0}“ gibt es schon. Ersetzen?</translation>
    </message>
</context>
<context>
    <name>DifferencesModel</name>
    <message>
        <source>Change</source>
        <translation>Änderung</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>Art</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Hinweis</translation>
    </message>
</context>
<context>
    <name>DockTitle</name>
    <message>
        <source>Put {0} back</source>
        <translation>{0} andocken</translation>
    </message>
    <message>
        <source>Float {0}</source>
        <translation>{0} ablösen</translation>
    </message>
    <message>
        <source>Close {0}</source>
        <translation>{0} schließen</translation>
    </message>
</context>
<context>
    <name>Docks</name>
    <message>
        <source>Problems, jobs and notes</source>
        <translation>Probleme, Aufgaben und Notizen</translation>
    </message>
</context>
<context>
    <name>Documents</name>
    <message>
        <source>New session</source>
        <translation>Neue Sitzung</translation>
    </message>
    <message>
        <source>Open session…</source>
        <translation>Sitzung öffnen…</translation>
    </message>
    <message>
        <source>Save session</source>
        <translation>Sitzung speichern</translation>
    </message>
    <message>
        <source>Save session as…</source>
        <translation>Sitzung speichern unter…</translation>
    </message>
    <message>
        <source>Open the demo</source>
        <translation>Vorführung öffnen</translation>
    </message>
    <message>
        <source>Last session, saved automatically</source>
        <translation>Letzte Sitzung, automatisch gespeichert</translation>
    </message>
    <message>
        <source>No session was saved yet</source>
        <translation>Noch keine Sitzung gespeichert</translation>
    </message>
    <message>
        <source>“{0}” has changes that are not saved.</source>
        <translation>„{0}“ hat Änderungen, die nicht gespeichert sind.</translation>
    </message>
    <message>
        <source>Sessions (*{0})</source>
        <translation>Sitzungen (*{0})</translation>
    </message>
    <message>
        <source>Open session</source>
        <translation>Sitzung öffnen</translation>
    </message>
    <message>
        <source>Cannot open: {0}</source>
        <translation>Kann nicht geöffnet werden: {0}</translation>
    </message>
    <message>
        <source>Cannot save: {0}</source>
        <translation>Kann nicht gespeichert werden: {0}</translation>
    </message>
    <message>
        <source>Saved {0}</source>
        <translation>{0} gespeichert</translation>
    </message>
    <message>
        <source>Demo</source>
        <translation>Vorführung</translation>
    </message>
</context>
<context>
    <name>DropArea</name>
    <message>
        <source>Files…</source>
        <translation>Dateien…</translation>
    </message>
    <message>
        <source>Choose files: {0}</source>
        <translation>Dateien wählen: {0}</translation>
    </message>
    <message>
        <source>Folder…</source>
        <translation>Ordner…</translation>
    </message>
    <message>
        <source>Choose a folder: {0}</source>
        <translation>Ordner wählen: {0}</translation>
    </message>
    <message>
        <source>and {0} more</source>
        <translation>und {0} weitere</translation>
    </message>
</context>
<context>
    <name>Editing</name>
    <message>
        <source>Open the source line</source>
        <translation>Quellzeile öffnen</translation>
    </message>
    <message>
        <source>Source not found: {0}. Put it beside the objects or in a folder next to theirs.</source>
        <translation>Quelle nicht gefunden: {0}. Sie gehört neben die Objekte oder in einen Ordner neben deren Ordner.</translation>
    </message>
    <message>
        <source>Opened {0}:{1}</source>
        <translation>{0}:{1} geöffnet</translation>
    </message>
    <message>
        <source>Nothing here names a source line.</source>
        <translation>Hier ist keine Quellzeile genannt.</translation>
    </message>
</context>
<context>
    <name>Explorer</name>
    <message>
        <source>Compare two kernels</source>
        <translation>Zwei Kernel vergleichen</translation>
    </message>
    <message>
        <source>Read what the kernels provide</source>
        <translation>Lesen, was die Kernel bereitstellen</translation>
    </message>
    <message>
        <source>Could not read what the kernels provide: {0}</source>
        <translation>Was die Kernel bereitstellen, ist nicht lesbar: {0}</translation>
    </message>
</context>
<context>
    <name>ExportDialog</name>
    <message>
        <source>Export</source>
        <translation>Exportieren</translation>
    </message>
    <message>
        <source>HTML report, one file</source>
        <translation>HTML-Bericht, eine Datei</translation>
    </message>
    <message>
        <source>PDF report</source>
        <translation>PDF-Bericht</translation>
    </message>
    <message>
        <source>Markdown</source>
        <translation>Markdown</translation>
    </message>
    <message>
        <source>CSV, one row a finding</source>
        <translation>CSV, eine Zeile je Befund</translation>
    </message>
    <message>
        <source>JSON</source>
        <translation>JSON</translation>
    </message>
    <message>
        <source>This view, PNG</source>
        <translation>Diese Ansicht, PNG</translation>
    </message>
    <message>
        <source>This view, SVG</source>
        <translation>Diese Ansicht, SVG</translation>
    </message>
    <message>
        <source>Whole graph, SVG</source>
        <translation>Ganzer Graph, SVG</translation>
    </message>
    <message>
        <source>Whole graph, PNG</source>
        <translation>Ganzer Graph, PNG</translation>
    </message>
    <message>
        <source>Graph as DOT</source>
        <translation>Graph als DOT</translation>
    </message>
    <message>
        <source>Graph as GraphML</source>
        <translation>Graph als GraphML</translation>
    </message>
    <message>
        <source>as seen</source>
        <translation>wie zu sehen</translation>
    </message>
    <message>
        <source>16:9, for a slide</source>
        <translation>16:9, für eine Folie</translation>
    </message>
    <message>
        <source>as on the screen</source>
        <translation>wie auf dem Bildschirm</translation>
    </message>
    <message>
        <source>light</source>
        <translation>hell</translation>
    </message>
    <message>
        <source>dark</source>
        <translation>dunkel</translation>
    </message>
    <message>
        <source>everything ({0})</source>
        <translation>alles ({0})</translation>
    </message>
    <message>
        <source>only what the filters show ({0})</source>
        <translation>nur was die Filter zeigen ({0})</translation>
    </message>
    <message>
        <source>object</source>
        <translation>Objekt</translation>
    </message>
    <message>
        <source>program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>users of</source>
        <translation>Nutzer von</translation>
    </message>
    <message>
        <source>Leave out folders of my files</source>
        <translation>Ordner meiner Dateien weglassen</translation>
    </message>
    <message>
        <source>Open afterwards</source>
        <translation>Danach öffnen</translation>
    </message>
    <message>
        <source>File</source>
        <translation>Datei</translation>
    </message>
    <message>
        <source>programs</source>
        <translation>Programme</translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation>Durchsuchen…</translation>
    </message>
    <message>
        <source>Format</source>
        <translation>Format</translation>
    </message>
    <message>
        <source>Scope</source>
        <translation>Umfang</translation>
    </message>
    <message>
        <source>Shape</source>
        <translation>Form</translation>
    </message>
    <message>
        <source>Look</source>
        <translation>Aussehen</translation>
    </message>
    <message>
        <source>This result is hypothetical (what-if). The export says so.</source>
        <translation>Dieses Ergebnis ist angenommen (Was-wäre-wenn). Der Export sagt es.</translation>
    </message>
    <message>
        <source>The graph is too tall to be read as PNG: filter it, or take SVG, which can be enlarged.</source>
        <translation>Der Graph ist zu hoch, um als PNG lesbar zu sein: filtern, oder SVG nehmen, das sich vergrößern lässt.</translation>
    </message>
    <message>
        <source>The file exists: it will be replaced.</source>
        <translation>Die Datei gibt es schon: sie wird ersetzt.</translation>
    </message>
    <message>
        <source>Export to</source>
        <translation>Exportieren nach</translation>
    </message>
</context>
<context>
    <name>Exports</name>
    <message>
        <source>Export…</source>
        <translation>Exportieren…</translation>
    </message>
    <message>
        <source>Export {0}</source>
        <translation>{0} exportieren</translation>
    </message>
    <message>
        <source>the graph is empty</source>
        <translation>der Graph ist leer</translation>
    </message>
    <message>
        <source>all architectures</source>
        <translation>alle Architekturen</translation>
    </message>
    <message>
        <source>WHAT IF: {0}. Not a real result</source>
        <translation>WAS WÄRE WENN: {0}. Kein wirkliches Ergebnis</translation>
    </message>
    <message>
        <source>Written: {0}</source>
        <translation>Geschrieben: {0}</translation>
    </message>
    <message>
        <source>Export failed: {0}</source>
        <translation>Der Export schlug fehl: {0}</translation>
    </message>
</context>
<context>
    <name>FindingsModel</name>
    <message>
        <source>(no package)</source>
        <translation>(kein Paket)</translation>
    </message>
    <message>
        <source>program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>programs</source>
        <translation>Programme</translation>
    </message>
    <message>
        <source>architecture</source>
        <translation>Architektur</translation>
    </message>
    <message>
        <source>architectures</source>
        <translation>Architekturen</translation>
    </message>
    <message>
        <source>finding</source>
        <translation>Befund</translation>
    </message>
    <message>
        <source>findings</source>
        <translation>Befunde</translation>
    </message>
    <message>
        <source>(whole object)</source>
        <translation>(ganzes Objekt)</translation>
    </message>
    <message>
        <source>host</source>
        <translation>Host</translation>
    </message>
    <message>
        <source>hosts</source>
        <translation>Hosts</translation>
    </message>
    <message>
        <source>Verdict</source>
        <translation>Urteil</translation>
    </message>
    <message>
        <source>Arch</source>
        <translation>Arch.</translation>
    </message>
    <message>
        <source>Object</source>
        <translation>Objekt</translation>
    </message>
    <message>
        <source>Program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>What</source>
        <translation>Was</translation>
    </message>
    <message>
        <source>What happens</source>
        <translation>Was geschieht</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>Art</translation>
    </message>
    <message>
        <source>Where</source>
        <translation>Wo</translation>
    </message>
    <message>
        <source>Rules</source>
        <translation>Regeln</translation>
    </message>
    <message>
        <source>Confidence</source>
        <translation>Sicherheit</translation>
    </message>
    <message>
        <source>Runs on</source>
        <translation>Läuft auf</translation>
    </message>
</context>
<context>
    <name>FindingsView</name>
    <message>
        <source>Findings</source>
        <translation>Befunde</translation>
    </message>
    <message>
        <source>No finding passes these filters. Remove a chip above, or press Ctrl+Z.</source>
        <translation>Kein Befund passt zu diesen Filtern. Oben einen Filter entfernen, oder Strg+Z.</translation>
    </message>
    <message>
        <source>not grouped</source>
        <translation>nicht gruppiert</translation>
    </message>
    <message>
        <source>by cause</source>
        <translation>nach Ursache</translation>
    </message>
    <message>
        <source>by package</source>
        <translation>nach Paket</translation>
    </message>
    <message>
        <source>by verdict</source>
        <translation>nach Urteil</translation>
    </message>
    <message>
        <source>by architecture</source>
        <translation>nach Architektur</translation>
    </message>
    <message>
        <source>Group findings</source>
        <translation>Befunde gruppieren</translation>
    </message>
    <message>
        <source>Copy rows</source>
        <translation>Zeilen kopieren</translation>
    </message>
    <message>
        <source>Copy the selected rows, or all, as tab-separated text</source>
        <translation>Die ausgewählten Zeilen, oder alle, als Text mit Tabulatoren kopieren</translation>
    </message>
    <message>
        <source>Rows</source>
        <translation>Zeilen</translation>
    </message>
    <message>
        <source>Copied: {0}</source>
        <translation>Kopiert: {0}</translation>
    </message>
    <message>
        <source>row</source>
        <translation>Zeile</translation>
    </message>
    <message>
        <source>rows</source>
        <translation>Zeilen</translation>
    </message>
    <message>
        <source>Copy as text</source>
        <translation>Als Text kopieren</translation>
    </message>
    <message>
        <source>Open {0} in the editor</source>
        <translation>{0} im Editor öffnen</translation>
    </message>
    <message>
        <source>Note…</source>
        <translation>Notiz…</translation>
    </message>
    <message>
        <source>Note on the cause…</source>
        <translation>Notiz zur Ursache…</translation>
    </message>
    <message>
        <source>Waive…</source>
        <translation>Ausnahme…</translation>
    </message>
    <message>
        <source>Who else uses {0}</source>
        <translation>Wer sonst {0} verwendet</translation>
    </message>
    <message>
        <source>Only object {0}</source>
        <translation>Nur Objekt {0}</translation>
    </message>
    <message>
        <source>What if {0} were kept or removed?</source>
        <translation>Was, wenn {0} bliebe oder entfernt würde?</translation>
    </message>
</context>
<context>
    <name>GivenCard</name>
    <message>
        <source>step · {0}</source>
        <translation>Schritt · {0}</translation>
    </message>
    <message>
        <source>Change {0}</source>
        <translation>{0} ändern</translation>
    </message>
    <message>
        <source>Remove, replace, move …</source>
        <translation>Entfernen, ersetzen, verschieben …</translation>
    </message>
</context>
<context>
    <name>GraphCanvas</name>
    <message>
        <source>Graph of objects, programs and what they need</source>
        <translation>Graph der Objekte, Programme und ihres Bedarfs</translation>
    </message>
    <message>
        <source>OBJECTS</source>
        <translation>OBJEKTE</translation>
    </message>
    <message>
        <source>PROGRAMS</source>
        <translation>PROGRAMME</translation>
    </message>
    <message>
        <source>WHAT THEY NEED</source>
        <translation>WAS SIE BRAUCHEN</translation>
    </message>
</context>
<context>
    <name>GraphView</name>
    <message>
        <source>Unaffected</source>
        <translation>Nicht betroffen</translation>
    </message>
    <message>
        <source>Show needs that are not affected</source>
        <translation>Nicht betroffenen Bedarf zeigen</translation>
    </message>
    <message>
        <source>Zoom out (Ctrl+-)</source>
        <translation>Verkleinern (Strg+-)</translation>
    </message>
    <message>
        <source>Zoom in (Ctrl++)</source>
        <translation>Vergrößern (Strg++)</translation>
    </message>
    <message>
        <source>Fit</source>
        <translation>Einpassen</translation>
    </message>
    <message>
        <source>Whole graph in view (F)</source>
        <translation>Ganzer Graph im Blick (F)</translation>
    </message>
    <message>
        <source>No results yet. Press F5 to analyse.</source>
        <translation>Noch keine Ergebnisse. F5 analysiert.</translation>
    </message>
    <message>
        <source>There are no programs in these objects.</source>
        <translation>In diesen Objekten sind keine Programme.</translation>
    </message>
    <message>
        <source>No program is affected by this upgrade.</source>
        <translation>Kein Programm ist von diesem Upgrade betroffen.</translation>
    </message>
    <message>
        <source>No program passes these filters.
Remove a chip above, or press Ctrl+Z.</source>
        <translation>Kein Programm besteht diese Filter.
Oben einen Filter entfernen oder Strg+Z drücken.</translation>
    </message>
    <message>
        <source>end isolation</source>
        <translation>Isolierung beenden</translation>
    </message>
    <message>
        <source>Whole graph in view</source>
        <translation>Ganzer Graph im Bild</translation>
    </message>
    <message>
        <source>Export this view…</source>
        <translation>Diese Ansicht exportieren…</translation>
    </message>
    <message>
        <source>Isolate its neighbourhood</source>
        <translation>Nachbarschaft isolieren</translation>
    </message>
    <message>
        <source>Only this {0}</source>
        <translation>Nur dieses: {0}</translation>
    </message>
    <message>
        <source>What if it were removed?</source>
        <translation>Was, wenn es entfernt würde?</translation>
    </message>
    <message>
        <source>What if it changed?</source>
        <translation>Was, wenn es sich änderte?</translation>
    </message>
    <message>
        <source>What if it stayed as it was?</source>
        <translation>Was, wenn es bliebe, wie es war?</translation>
    </message>
    <message>
        <source>Add a note…</source>
        <translation>Notiz hinzufügen…</translation>
    </message>
</context>
<context>
    <name>HelpDialog</name>
    <message>
        <source>Keys and words</source>
        <translation>Tasten und Wörter</translation>
    </message>
</context>
<context>
    <name>Hypotheses</name>
    <message>
        <source>What if…</source>
        <translation>Was wäre wenn…</translation>
    </message>
    <message>
        <source>Back to the real result</source>
        <translation>Zurück zum wirklichen Ergebnis</translation>
    </message>
    <message>
        <source>what if {0}</source>
        <translation>was wäre wenn {0}</translation>
    </message>
    <message>
        <source>take back what if {0}</source>
        <translation>Annahme zu {0} zurücknehmen</translation>
    </message>
    <message>
        <source>back to the real result</source>
        <translation>zurück zum wirklichen Ergebnis</translation>
    </message>
    <message>
        <source>program breaks</source>
        <translation>Programm bricht</translation>
    </message>
    <message>
        <source>programs break</source>
        <translation>Programme brechen</translation>
    </message>
    <message>
        <source>{0} over all architectures</source>
        <translation>{0} über alle Architekturen</translation>
    </message>
    <message>
        <source>What if: {0}{1}. This is not a real result.</source>
        <translation>Was wäre wenn: {0}{1}. Dies ist kein wirkliches Ergebnis.</translation>
    </message>
    <message>
        <source>{0} assumptions hold</source>
        <translation>{0} Annahmen gelten</translation>
    </message>
</context>
<context>
    <name>IdentityDialog</name>
    <message>
        <source>Architecture and release</source>
        <translation>Architektur und Version</translation>
    </message>
    <message>
        <source>Set what the files of “{0}” do not say.</source>
        <translation>Festlegen, was die Dateien von „{0}“ nicht sagen.</translation>
    </message>
    <message>
        <source>as its files say</source>
        <translation>wie die Dateien sagen</translation>
    </message>
    <message>
        <source>as its files say; for example 6.12.107</source>
        <translation>wie die Dateien sagen; zum Beispiel 6.12.107</translation>
    </message>
    <message>
        <source>Architecture</source>
        <translation>Architektur</translation>
    </message>
    <message>
        <source>Release</source>
        <translation>Version</translation>
    </message>
</context>
<context>
    <name>InputsModel</name>
    <message>
        <source>Kernels</source>
        <translation>Kernel</translation>
    </message>
    <message>
        <source>none yet: drop them here</source>
        <translation>noch keine: hier ablegen</translation>
    </message>
    <message>
        <source>where facts come from  {0}</source>
        <translation>woher die Angaben stammen  {0}</translation>
    </message>
    <message>
        <source>old</source>
        <translation>alt</translation>
    </message>
    <message>
        <source>step</source>
        <translation>Schritt</translation>
    </message>
    <message>
        <source>new</source>
        <translation>neu</translation>
    </message>
    <message>
        <source>Sources of objects  {0}</source>
        <translation>Quellen der Objekte  {0}</translation>
    </message>
    <message>
        <source>Census  {0}</source>
        <translation>Erhebung  {0}</translation>
    </message>
    <message>
        <source>Objects</source>
        <translation>Objekte</translation>
    </message>
    <message>
        <source>package</source>
        <translation>Paket</translation>
    </message>
    <message>
        <source>packages</source>
        <translation>Paketen</translation>
    </message>
    <message>
        <source>Objects  {0}</source>
        <translation>Objekte  {0}</translation>
    </message>
    <message>
        <source>loose files</source>
        <translation>einzelne Dateien</translation>
    </message>
    <message>
        <source>program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>programs</source>
        <translation>Programme</translation>
    </message>
    <message>
        <source>equal in {0}</source>
        <translation>gleich in {0}</translation>
    </message>
    <message>
        <source>Of another architecture  {0}</source>
        <translation>Von anderer Architektur  {0}</translation>
    </message>
    <message>
        <source>not on {0}: {1}</source>
        <translation>nicht auf {0}: {1}</translation>
    </message>
    <message>
        <source>Could not check  {0}</source>
        <translation>Nicht prüfbar  {0}</translation>
    </message>
    <message>
        <source>and {0} more</source>
        <translation>und {0} weitere</translation>
    </message>
</context>
<context>
    <name>InputsView</name>
    <message>
        <source>Inputs</source>
        <translation>Eingaben</translation>
    </message>
</context>
<context>
    <name>JobsView</name>
    <message>
        <source>Job</source>
        <translation>Aufgabe</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Zustand</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>Fortschritt</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>Zeit</translation>
    </message>
    <message>
        <source>Jobs</source>
        <translation>Aufgaben</translation>
    </message>
    <message>
        <source>Running analyses, comparisons and exports are listed here.</source>
        <translation>Laufende Analysen, Vergleiche und Exporte stehen hier.</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Cancel {0}</source>
        <translation>{0} abbrechen</translation>
    </message>
</context>
<context>
    <name>KfuncsView</name>
    <message>
        <source>Name, set or module (regular expression)</source>
        <translation>Name, Menge oder Modul (regulärer Ausdruck)</translation>
    </message>
    <message>
        <source>Name, set or module</source>
        <translation>Name, Menge oder Modul</translation>
    </message>
    <message>
        <source>Name…</source>
        <translation>Name…</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>Art</translation>
    </message>
    <message>
        <source>all kinds</source>
        <translation>alle Arten</translation>
    </message>
    <message>
        <source>Used here</source>
        <translation>Hier benutzt</translation>
    </message>
    <message>
        <source>Kfuncs, helpers and hooks</source>
        <translation>Kfuncs, Helfer und Hooks</translation>
    </message>
    <message>
        <source>About the chosen name</source>
        <translation>Über den gewählten Namen</translation>
    </message>
    <message>
        <source>Explore</source>
        <translation>Erkunden</translation>
    </message>
    <message>
        <source>Compare</source>
        <translation>Vergleichen</translation>
    </message>
    <message>
        <source>What the kernels provide, by name</source>
        <translation>Was die Kernel bieten, nach Namen</translation>
    </message>
    <message>
        <source>What was removed, added or changed between two kernels</source>
        <translation>Was zwischen zwei Kerneln entfernt, hinzugefügt oder geändert wurde</translation>
    </message>
    <message>
        <source>Only what the programs of this session use</source>
        <translation>Nur was die Programme dieser Sitzung benutzen</translation>
    </message>
    <message>
        <source>Nothing found.</source>
        <translation>Nichts gefunden.</translation>
    </message>
    <message>
        <source>Load kernels or the demo to explore what they offer.</source>
        <translation>Kernel oder die Demo laden, um zu sehen, was sie bieten.</translation>
    </message>
    <message>
        <source>PROTOTYPE</source>
        <translation>PROTOTYP</translation>
    </message>
    <message>
        <source>FLAGS</source>
        <translation>FLAGS</translation>
    </message>
    <message>
        <source>not known to this version</source>
        <translation>dieser Version nicht bekannt</translation>
    </message>
    <message>
        <source>PROGRAM TYPES</source>
        <translation>PROGRAMMTYPEN</translation>
    </message>
    <message>
        <source>from {0}</source>
        <translation>aus {0}</translation>
    </message>
    <message>
        <source>SEEN IN</source>
        <translation>GESEHEN IN</translation>
    </message>
    <message>
        <source>USED BY  {0}</source>
        <translation>BENUTZT VON  {0}</translation>
    </message>
    <message>
        <source>and {0} more</source>
        <translation>und {0} weitere</translation>
    </message>
    <message>
        <source>What if it were removed?</source>
        <translation>Was, wenn es entfernt würde?</translation>
    </message>
    <message>
        <source>Show in graph</source>
        <translation>Im Graphen zeigen</translation>
    </message>
</context>
<context>
    <name>LaneCard</name>
    <message>
        <source>no program for it</source>
        <translation>kein Programm dafür</translation>
    </message>
</context>
<context>
    <name>Legend</name>
    <message>
        <source>Legend</source>
        <translation>Legende</translation>
    </message>
</context>
<context>
    <name>Listing</name>
    <message>
        <source>Read the kernels</source>
        <translation>Kernel lesen</translation>
    </message>
    <message>
        <source>Cannot read the kernels: {0}</source>
        <translation>Die Kernel sind nicht lesbar: {0}</translation>
    </message>
    <message>
        <source>compare {0} and {1}</source>
        <translation>{0} mit {1} vergleichen</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Jobs {0}</source>
        <translation>Aufgaben {0}</translation>
    </message>
    <message>
        <source>Jobs</source>
        <translation>Aufgaben</translation>
    </message>
    <message>
        <source>Guided tour</source>
        <translation>Rundgang</translation>
    </message>
    <message>
        <source>Summary</source>
        <translation>Zusammenfassung</translation>
    </message>
    <message>
        <source>Views</source>
        <translation>Ansichten</translation>
    </message>
    <message>
        <source>Running job</source>
        <translation>Laufende Aufgabe</translation>
    </message>
    <message>
        <source>N next breakage · Ctrl+K commands</source>
        <translation>N nächster Bruch · Strg+K Befehle</translation>
    </message>
</context>
<context>
    <name>ManualDialog</name>
    <message>
        <source>Manual</source>
        <translation>Handbuch</translation>
    </message>
    <message>
        <source>Pages</source>
        <translation>Seiten</translation>
    </message>
    <message>
        <source>Find in this page</source>
        <translation>Auf dieser Seite suchen</translation>
    </message>
    <message>
        <source>Open in browser</source>
        <translation>Im Browser öffnen</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Zurück</translation>
    </message>
    <message>
        <source>Forward</source>
        <translation>Vorwärts</translation>
    </message>
</context>
<context>
    <name>MatrixModel</name>
    <message>
        <source>Program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>In all
</source>
        <translation>Insgesamt
</translation>
    </message>
    <message>
        <source>● clear</source>
        <translation>● frei</translation>
    </message>
    <message>
        <source>(no package)</source>
        <translation>(kein Paket)</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} von {1}</translation>
    </message>
    <message>
        <source>not judged on {0}</source>
        <translation>nicht beurteilt auf {0}</translation>
    </message>
</context>
<context>
    <name>MatrixView</name>
    <message>
        <source>Programs by architecture</source>
        <translation>Programme nach Architektur</translation>
    </message>
    <message>
        <source>by object</source>
        <translation>nach Objekt</translation>
    </message>
    <message>
        <source>by package</source>
        <translation>nach Paket</translation>
    </message>
    <message>
        <source>not grouped</source>
        <translation>nicht gruppiert</translation>
    </message>
    <message>
        <source>Group rows</source>
        <translation>Zeilen gruppieren</translation>
    </message>
    <message>
        <source>worst first</source>
        <translation>schlimmste zuerst</translation>
    </message>
    <message>
        <source>Rows</source>
        <translation>Zeilen</translation>
    </message>
    <message>
        <source>No program passes these filters. Remove a chip above, or press Ctrl+Z.</source>
        <translation>Kein Programm besteht diese Filter. Oben einen Filter entfernen oder Strg+Z drücken.</translation>
    </message>
    <message>
        <source>program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>programs</source>
        <translation>Programme</translation>
    </message>
</context>
<context>
    <name>Menus</name>
    <message>
        <source>&amp;File</source>
        <translation>&amp;Datei</translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation>&amp;Bearbeiten</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>&amp;Ansicht</translation>
    </message>
    <message>
        <source>&amp;Graph</source>
        <translation>&amp;Graph</translation>
    </message>
    <message>
        <source>Fi&amp;lter</source>
        <translation>Fi&amp;lter</translation>
    </message>
    <message>
        <source>&amp;Analysis</source>
        <translation>A&amp;nalyse</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>&amp;Hilfe</translation>
    </message>
    <message>
        <source>Open &amp;recent</source>
        <translation>&amp;Zuletzt geöffnet</translation>
    </message>
    <message>
        <source>Selected &amp;input</source>
        <translation>Gewählte E&amp;ingabe</translation>
    </message>
    <message>
        <source>&amp;Panels</source>
        <translation>&amp;Bereiche</translation>
    </message>
    <message>
        <source>Arc&amp;hitecture</source>
        <translation>Arc&amp;hitektur</translation>
    </message>
</context>
<context>
    <name>Minimap</name>
    <message>
        <source>Overview of the graph</source>
        <translation>Überblick über den Graphen</translation>
    </message>
    <message>
        <source>Overview: click or drag to move the view</source>
        <translation>Überblick: klicken oder ziehen verschiebt die Ansicht</translation>
    </message>
    <message>
        <source>node</source>
        <translation>Knoten</translation>
    </message>
    <message>
        <source>nodes</source>
        <translation>Knoten</translation>
    </message>
</context>
<context>
    <name>Navigation</name>
    <message>
        <source>Cancel, or clear search and selection</source>
        <translation>Abbrechen, oder Suche und Auswahl leeren</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>Suchen</translation>
    </message>
    <message>
        <source>Commands…</source>
        <translation>Befehle…</translation>
    </message>
    <message>
        <source>Architecture {0}</source>
        <translation>Architektur {0}</translation>
    </message>
    <message>
        <source>All architectures</source>
        <translation>Alle Architekturen</translation>
    </message>
    <message>
        <source>Whole graph in view</source>
        <translation>Ganzer Graph im Bild</translation>
    </message>
    <message>
        <source>Readable size</source>
        <translation>Lesbare Größe</translation>
    </message>
    <message>
        <source>Zoom in</source>
        <translation>Vergrößern</translation>
    </message>
    <message>
        <source>Zoom out</source>
        <translation>Verkleinern</translation>
    </message>
    <message>
        <source>Next breakage</source>
        <translation>Nächster Bruch</translation>
    </message>
    <message>
        <source>Previous breakage</source>
        <translation>Voriger Bruch</translation>
    </message>
    <message>
        <source>Isolate the selected neighbourhood</source>
        <translation>Gewählte Nachbarschaft allein zeigen</translation>
    </message>
    <message>
        <source>Only affected</source>
        <translation>Nur Betroffenes</translation>
    </message>
    <message>
        <source>Remove all filters</source>
        <translation>Alle Filter entfernen</translation>
    </message>
    <message>
        <source>Manual</source>
        <translation>Handbuch</translation>
    </message>
    <message>
        <source>Keys and words</source>
        <translation>Tasten und Wörter</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>Redo</source>
        <translation>Wiederholen</translation>
    </message>
    <message>
        <source>all architectures</source>
        <translation>alle Architekturen</translation>
    </message>
    <message>
        <source>search {0}</source>
        <translation>suche {0}</translation>
    </message>
    <message>
        <source>end search</source>
        <translation>Suche beenden</translation>
    </message>
    <message>
        <source>who uses {0}</source>
        <translation>wer {0} verwendet</translation>
    </message>
</context>
<context>
    <name>NotesView</name>
    <message>
        <source>On</source>
        <translation>Zu</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Notiz</translation>
    </message>
    <message>
        <source>Notes</source>
        <translation>Notizen</translation>
    </message>
    <message>
        <source>No notes yet. “Note…” in the detail panel adds one; they are saved with the session.</source>
        <translation>Noch keine Notizen. „Notiz…“ im Bereich Einzelheiten fügt eine hinzu; sie werden mit der Sitzung gespeichert.</translation>
    </message>
</context>
<context>
    <name>OffersModel</name>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Upgrade</source>
        <translation>Upgrade</translation>
    </message>
    <message>
        <source>Users</source>
        <translation>Nutzer</translation>
    </message>
    <message>
        <source>Since</source>
        <translation>Seit</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>Art</translation>
    </message>
    <message>
        <source>Set</source>
        <translation>Menge</translation>
    </message>
</context>
<context>
    <name>OverviewView</name>
    <message>
        <source>No results yet. Press F5 to analyse.</source>
        <translation>Noch keine Ergebnisse. F5 analysiert.</translation>
    </message>
    <message>
        <source>Nothing here is affected.</source>
        <translation>Nichts hier ist betroffen.</translation>
    </message>
    <message>
        <source>program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>programs</source>
        <translation>Programme</translation>
    </message>
    <message>
        <source>None of {0} is affected by what is shown here.</source>
        <translation>Keines von {0} ist von dem betroffen, was hier gezeigt wird.</translation>
    </message>
    <message>
        <source>{0} of {1} affected</source>
        <translation>{0} von {1} betroffen</translation>
    </message>
    <message>
        <source>program breaks</source>
        <translation>Programm bricht</translation>
    </message>
    <message>
        <source>programs break</source>
        <translation>Programme brechen</translation>
    </message>
    <message>
        <source>cause</source>
        <translation>Ursache</translation>
    </message>
    <message>
        <source>causes</source>
        <translation>Ursachen</translation>
    </message>
    <message>
        <source>{0}, because of {1} · {2}</source>
        <translation>{0}, wegen {1} · {2}</translation>
    </message>
    <message>
        <source>package</source>
        <translation>Paket</translation>
    </message>
    <message>
        <source>packages</source>
        <translation>Pakete</translation>
    </message>
    <message>
        <source>object</source>
        <translation>Objekt</translation>
    </message>
    <message>
        <source>objects</source>
        <translation>Objekte</translation>
    </message>
    <message>
        <source>{0} without a finding here</source>
        <translation>{0} ohne Befund hier</translation>
    </message>
    <message>
        <source>click a package or a cause to open it in the graph</source>
        <translation>ein Klick auf ein Paket oder eine Ursache öffnet sie im Graphen</translation>
    </message>
    <message>
        <source>click an object or a cause to open it in the graph</source>
        <translation>Klick auf ein Objekt oder eine Ursache öffnet sie im Graphen</translation>
    </message>
    <message>
        <source>click a program or a cause to open it in the graph</source>
        <translation>Klick auf ein Programm oder eine Ursache öffnet sie im Graphen</translation>
    </message>
    <message>
        <source>all that is {0}</source>
        <translation>alles, was {0} ist</translation>
    </message>
    <message>
        <source>open {0}</source>
        <translation>{0} öffnen</translation>
    </message>
</context>
<context>
    <name>Pages</name>
    <message>
        <source>Overview</source>
        <translation>Überblick</translation>
    </message>
    <message>
        <source>Graph</source>
        <translation>Graph</translation>
    </message>
    <message>
        <source>Matrix</source>
        <translation>Matrix</translation>
    </message>
    <message>
        <source>Findings</source>
        <translation>Befunde</translation>
    </message>
    <message>
        <source>kfuncs</source>
        <translation>kfuncs</translation>
    </message>
    <message>
        <source>Timeline</source>
        <translation>Zeitachse</translation>
    </message>
    <message>
        <source>What if</source>
        <translation>Annahmen</translation>
    </message>
    <message>
        <source>Inputs</source>
        <translation>Eingaben</translation>
    </message>
    <message>
        <source>Detail</source>
        <translation>Einzelheiten</translation>
    </message>
    <message>
        <source>Problems</source>
        <translation>Probleme</translation>
    </message>
    <message>
        <source>Jobs</source>
        <translation>Aufgaben</translation>
    </message>
    <message>
        <source>Notes</source>
        <translation>Notizen</translation>
    </message>
    <message>
        <source>Census</source>
        <translation>Erhebung</translation>
    </message>
    <message>
        <source>Proof</source>
        <translation>Beweis</translation>
    </message>
</context>
<context>
    <name>Palette</name>
    <message>
        <source>Command, object, program or need…</source>
        <translation>Befehl, Objekt, Programm oder Bedarf…</translation>
    </message>
    <message>
        <source>Search commands and names</source>
        <translation>Befehle und Namen suchen</translation>
    </message>
    <message>
        <source>Nothing is called “{0}”.</source>
        <translation>Nichts heißt „{0}“.</translation>
    </message>
</context>
<context>
    <name>Past</name>
    <message>
        <source>ITS PAST</source>
        <translation>WAS BISHER GESCHAH</translation>
    </message>
    <message>
        <source>To find the commit, set the history clone in Preferences.</source>
        <translation>Um den Commit zu finden, in den Einstellungen den Klon für die Geschichte angeben.</translation>
    </message>
    <message>
        <source>The commit is searched for…</source>
        <translation>Der Commit wird gesucht…</translation>
    </message>
    <message>
        <source>The search for the commit was cancelled.</source>
        <translation>Die Suche nach dem Commit wurde abgebrochen.</translation>
    </message>
    <message>
        <source>Find the commit</source>
        <translation>Commit suchen</translation>
    </message>
    <message>
        <source>Find the commit of {0}</source>
        <translation>Commit suchen: {0}</translation>
    </message>
    <message>
        <source>The commit could not be searched for: {0}</source>
        <translation>Der Commit ließ sich nicht suchen: {0}</translation>
    </message>
    <message>
        <source>Changed by: {0}</source>
        <translation>Geändert durch: {0}</translation>
    </message>
    <message>
        <source>Changed by {0} {1} ({2})</source>
        <translation>Geändert durch {0} {1} ({2})</translation>
    </message>
    <message>
        <source>first in {0}</source>
        <translation>zuerst in {0}</translation>
    </message>
    <message>
        <source>Copy for a bug report</source>
        <translation>Für einen Fehlerbericht kopieren</translation>
    </message>
</context>
<context>
    <name>Pictures</name>
    <message>
        <source>Copy this view as a picture</source>
        <translation>Diese Ansicht als Bild kopieren</translation>
    </message>
    <message>
        <source>Copy this view as a picture, 16:9</source>
        <translation>Diese Ansicht als Bild kopieren, 16:9</translation>
    </message>
    <message>
        <source>Copied: {0} × {1} pixels</source>
        <translation>Kopiert: {0} × {1} Pixel</translation>
    </message>
</context>
<context>
    <name>PreferencesDialog</name>
    <message>
        <source>Preferences</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>as the system</source>
        <translation>wie das System</translation>
    </message>
    <message>
        <source>light</source>
        <translation>hell</translation>
    </message>
    <message>
        <source>dark</source>
        <translation>dunkel</translation>
    </message>
    <message>
        <source>Colours for colour-blind people</source>
        <translation>Farben für Farbenblinde</translation>
    </message>
    <message>
        <source>the first that is installed; for example kate -l {line} {file}</source>
        <translation>der erste vorhandene; zum Beispiel kate -l {line} {file}</translation>
    </message>
    <message>
        <source>New sessions infer architectures without kernels</source>
        <translation>Neue Sitzungen folgern auf Architekturen ohne Kernel</translation>
    </message>
    <message>
        <source>Menu bar (otherwise one button, ≡)</source>
        <translation>Menüleiste (sonst ein Knopf, ≡)</translation>
    </message>
    <message>
        <source>a whole clone of the kernel&apos;s git repository</source>
        <translation>ein vollständiger Klon des Git-Repositorys des Kernels</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>Auswählen…</translation>
    </message>
    <message>
        <source>Choose the clone</source>
        <translation>Klon auswählen</translation>
    </message>
    <message>
        <source>Theme</source>
        <translation>Farben</translation>
    </message>
    <message>
        <source>Font size</source>
        <translation>Schriftgröße</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>Sprache</translation>
    </message>
    <message>
        <source>Editor</source>
        <translation>Editor</translation>
    </message>
    <message>
        <source>History clone</source>
        <translation>Klon für die Geschichte</translation>
    </message>
    <message>
        <source>Font size and language apply when the window is next opened.</source>
        <translation>Schriftgröße und Sprache gelten, wenn das Fenster das nächste Mal geöffnet wird.</translation>
    </message>
</context>
<context>
    <name>Presentation</name>
    <message>
        <source>Presentation mode</source>
        <translation>Vorführmodus</translation>
    </message>
    <message>
        <source>Animate what changes</source>
        <translation>Änderungen bewegt zeigen</translation>
    </message>
</context>
<context>
    <name>ProblemsView</name>
    <message>
        <source>Input</source>
        <translation>Eingabe</translation>
    </message>
    <message>
        <source>Reason</source>
        <translation>Grund</translation>
    </message>
    <message>
        <source>Problems</source>
        <translation>Probleme</translation>
    </message>
    <message>
        <source>All inputs were read and judged.</source>
        <translation>Alle Eingaben wurden gelesen und beurteilt.</translation>
    </message>
    <message>
        <source>offset</source>
        <translation>Position</translation>
    </message>
    <message>
        <source>unknown program type for section “{0}”</source>
        <translation>unbekannter Programmtyp der Sektion „{0}“</translation>
    </message>
    <message>
        <source>Choose type…</source>
        <translation>Typ wählen…</translation>
    </message>
    <message>
        <source>Set the program type and re-analyse</source>
        <translation>Programmtyp festlegen und neu analysieren</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Entfernen</translation>
    </message>
    <message>
        <source>Remove this input from the session and re-analyse</source>
        <translation>Diese Eingabe aus der Sitzung entfernen und neu analysieren</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Zeigen</translation>
    </message>
    <message>
        <source>Show this file, which is part of a larger input, in the file manager</source>
        <translation>Diese Datei, Teil einer größeren Eingabe, in der Dateiverwaltung zeigen</translation>
    </message>
</context>
<context>
    <name>Progress</name>
    <message>
        <source>Progress of the analysis</source>
        <translation>Fortschritt der Analyse</translation>
    </message>
</context>
<context>
    <name>ProofModel</name>
    <message>
        <source>(whole object)</source>
        <translation>(ganzes Objekt)</translation>
    </message>
    <message>
        <source>Kernel says</source>
        <translation>Kernel sagt</translation>
    </message>
    <message>
        <source>Kernel</source>
        <translation>Kernel</translation>
    </message>
    <message>
        <source>Object</source>
        <translation>Objekt</translation>
    </message>
    <message>
        <source>Program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>Predicted</source>
        <translation>Vorhersage</translation>
    </message>
    <message>
        <source>Seen</source>
        <translation>Gesehen</translation>
    </message>
    <message>
        <source>Its own words</source>
        <translation>Seine Worte</translation>
    </message>
</context>
<context>
    <name>ProofView</name>
    <message>
        <source>Answers of booted kernels</source>
        <translation>Antworten gebooteter Kernel</translation>
    </message>
    <message>
        <source>Prove by booting</source>
        <translation>Durch Starten beweisen</translation>
    </message>
    <message>
        <source>Boot the kernels in a virtual machine and load every program (Ctrl+Shift+B)</source>
        <translation>Die Kernel in einer virtuellen Maschine booten und jedes Programm laden (Strg+Umschalt+B)</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Kernel disagrees</source>
        <translation>Kernel widerspricht</translation>
    </message>
    <message>
        <source>Show only programs of which the kernel did otherwise than predicted</source>
        <translation>Nur Programme zeigen, bei denen der Kernel anders handelte als vorhergesagt</translation>
    </message>
    <message>
        <source>Progress of the boots</source>
        <translation>Fortschritt der Starts</translation>
    </message>
    <message>
        <source>Nothing was booted. “Prove by booting” loads every program into the kernels themselves: in a virtual machine without network or disk, from the kernels&apos; packages.</source>
        <translation>Nichts wurde gebootet. „Durch Booten beweisen“ lädt jedes Programm in die Kernel selbst: in einer virtuellen Maschine ohne Netz und Platte, aus den Paketen der Kernel.</translation>
    </message>
    <message>
        <source>reading kernels and objects</source>
        <translation>liest Kernel und Objekte</translation>
    </message>
</context>
<context>
    <name>Proving</name>
    <message>
        <source>Prove by booting</source>
        <translation>Durch Starten beweisen</translation>
    </message>
    <message>
        <source>Analyse first: what is proved is a result.</source>
        <translation>Zuerst analysieren: bewiesen wird ein Ergebnis.</translation>
    </message>
    <message>
        <source>Could not be proved: {0}</source>
        <translation>Nicht beweisbar: {0}</translation>
    </message>
    <message>
        <source>Cancelled. The answers so far are kept.</source>
        <translation>Abgebrochen. Die bisherigen Antworten bleiben.</translation>
    </message>
    <message>
        <source>object</source>
        <translation>Objekt</translation>
    </message>
    <message>
        <source>objects</source>
        <translation>Objekte</translation>
    </message>
    <message>
        <source>{0} answered, {1} DISAGREE</source>
        <translation>{0} beantwortet, {1} WIDERSPRECHEN</translation>
    </message>
    <message>
        <source>No kernel could be booted; the reasons are below.</source>
        <translation>Kein Kernel ließ sich booten; die Gründe stehen unten.</translation>
    </message>
</context>
<context>
    <name>Results</name>
    <message>
        <source>Analyse</source>
        <translation>Analysieren</translation>
    </message>
    <message>
        <source>Analyse {0}</source>
        <translation>{0} analysieren</translation>
    </message>
    <message>
        <source>The analysis failed: {0}</source>
        <translation>Die Analyse schlug fehl: {0}</translation>
    </message>
    <message>
        <source>Problems {0}</source>
        <translation>Probleme {0}</translation>
    </message>
    <message>
        <source>Problems</source>
        <translation>Probleme</translation>
    </message>
    <message>
        <source>Findings {0}</source>
        <translation>Befunde {0}</translation>
    </message>
    <message>
        <source>Findings</source>
        <translation>Befunde</translation>
    </message>
    <message>
        <source>program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>programs</source>
        <translation>Programme</translation>
    </message>
    <message>
        <source>object</source>
        <translation>Objekt</translation>
    </message>
    <message>
        <source>objects</source>
        <translation>Objekte</translation>
    </message>
    <message>
        <source>architecture</source>
        <translation>Architektur</translation>
    </message>
    <message>
        <source>architectures</source>
        <translation>Architekturen</translation>
    </message>
    <message>
        <source>analysed in {0:.1f} s</source>
        <translation>analysiert in {0:.1f} s</translation>
    </message>
    <message>
        <source>Cancelled</source>
        <translation>Abgebrochen</translation>
    </message>
</context>
<context>
    <name>RibbonCanvas</name>
    <message>
        <source>Packages and the causes that hit them</source>
        <translation>Pakete und die Ursachen, die sie treffen</translation>
    </message>
    <message>
        <source>loose files</source>
        <translation>einzelne Dateien</translation>
    </message>
    <message>
        <source>{0} more causes</source>
        <translation>{0} weitere Ursachen</translation>
    </message>
    <message>
        <source>packages</source>
        <translation>Pakete</translation>
    </message>
    <message>
        <source>objects</source>
        <translation>Objekte</translation>
    </message>
    <message>
        <source>programs</source>
        <translation>Programme</translation>
    </message>
    <message>
        <source>{0} more {1}</source>
        <translation>{0} weitere {1}</translation>
    </message>
    <message>
        <source>program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} von {1}</translation>
    </message>
    <message>
        <source>architecture</source>
        <translation>Architektur</translation>
    </message>
    <message>
        <source>architectures</source>
        <translation>Architekturen</translation>
    </message>
    <message>
        <source>PACKAGES</source>
        <translation>PAKETE</translation>
    </message>
    <message>
        <source>OBJECTS</source>
        <translation>OBJEKTE</translation>
    </message>
    <message>
        <source>PROGRAMS</source>
        <translation>PROGRAMME</translation>
    </message>
    <message>
        <source>CAUSES  {0}</source>
        <translation>URSACHEN  {0}</translation>
    </message>
    <message>
        <source>hit by {0}</source>
        <translation>getroffen von {0}</translation>
    </message>
    <message>
        <source>hits {0}</source>
        <translation>trifft {0}</translation>
    </message>
</context>
<context>
    <name>RuleDialog</name>
    <message>
        <source>This version has no rule {0}.</source>
        <translation>Diese Version hat keine Regel {0}.</translation>
    </message>
</context>
<context>
    <name>Sources</name>
    <message>
        <source>Open kernels…</source>
        <translation>Kernel öffnen…</translation>
    </message>
    <message>
        <source>Add objects…</source>
        <translation>Objekte hinzufügen…</translation>
    </message>
    <message>
        <source>Open folder…</source>
        <translation>Ordner öffnen…</translation>
    </message>
    <message>
        <source>Paste files</source>
        <translation>Dateien einfügen</translation>
    </message>
    <message>
        <source>Add the running system</source>
        <translation>Laufendes System hinzufügen</translation>
    </message>
    <message>
        <source>Infer other architectures</source>
        <translation>Auf andere Architekturen folgern</translation>
    </message>
    <message>
        <source>Judge only what runs</source>
        <translation>Nur beurteilen, was läuft</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Entfernen</translation>
    </message>
    <message>
        <source>Replace…</source>
        <translation>Ersetzen…</translation>
    </message>
    <message>
        <source>Move to old</source>
        <translation>Zum alten verschieben</translation>
    </message>
    <message>
        <source>Make a step between</source>
        <translation>Zum Zwischenschritt machen</translation>
    </message>
    <message>
        <source>Move to new</source>
        <translation>Zum neuen verschieben</translation>
    </message>
    <message>
        <source>Architecture and release…</source>
        <translation>Architektur und Version…</translation>
    </message>
    <message>
        <source>Show in file manager</source>
        <translation>In Dateiverwaltung zeigen</translation>
    </message>
    <message>
        <source>Loader…</source>
        <translation>Lader…</translation>
    </message>
    <message>
        <source>Open kernels: first the old, then the new</source>
        <translation>Kernel öffnen: erst den alten, dann den neuen</translation>
    </message>
    <message>
        <source>Add BPF objects</source>
        <translation>BPF-Objekte hinzufügen</translation>
    </message>
    <message>
        <source>Add the old kernel</source>
        <translation>Alten Kernel hinzufügen</translation>
    </message>
    <message>
        <source>Add the new kernel</source>
        <translation>Neuen Kernel hinzufügen</translation>
    </message>
    <message>
        <source>Open the folder of the old kernel</source>
        <translation>Ordner des alten Kernels öffnen</translation>
    </message>
    <message>
        <source>Open the folder of the new kernel</source>
        <translation>Ordner des neuen Kernels öffnen</translation>
    </message>
    <message>
        <source>Open a folder of BPF objects</source>
        <translation>Ordner mit BPF-Objekten öffnen</translation>
    </message>
    <message>
        <source>Open a folder: of a kernel, or of BPF objects</source>
        <translation>Ordner öffnen: eines Kernels oder mit BPF-Objekten</translation>
    </message>
    <message>
        <source>The clipboard holds no files and no paths</source>
        <translation>Die Zwischenablage enthält weder Dateien noch Pfade</translation>
    </message>
    <message>
        <source>{0} files</source>
        <translation>{0} Dateien</translation>
    </message>
    <message>
        <source>add {0}</source>
        <translation>{0} hinzufügen</translation>
    </message>
    <message>
        <source>Collect what runs here</source>
        <translation>Sammeln, was hier läuft</translation>
    </message>
    <message>
        <source>Cannot collect what runs here: {0}. Or: sudo kfuncscope census run &gt; host.jsonl, and drop it here</source>
        <translation>Was hier läuft, kann nicht gesammelt werden: {0}. Oder: sudo kfuncscope census run &gt; host.jsonl, und die Datei hierher ziehen</translation>
    </message>
    <message>
        <source>Cannot save: {0}</source>
        <translation>Kann nicht gespeichert werden: {0}</translation>
    </message>
    <message>
        <source>remove {0}</source>
        <translation>{0} entfernen</translation>
    </message>
    <message>
        <source>Replace {0}</source>
        <translation>{0} ersetzen</translation>
    </message>
    <message>
        <source>replace {0}</source>
        <translation>{0} ersetzen</translation>
    </message>
    <message>
        <source>move {0}</source>
        <translation>{0} verschieben</translation>
    </message>
    <message>
        <source>name {0}</source>
        <translation>{0} benennen</translation>
    </message>
    <message>
        <source>Program type</source>
        <translation>Programmtyp</translation>
    </message>
    <message>
        <source>Program type of section “{0}”:</source>
        <translation>Programmtyp des Abschnitts „{0}“:</translation>
    </message>
    <message>
        <source>Unknown program type “{0}”</source>
        <translation>Unbekannter Programmtyp „{0}“</translation>
    </message>
    <message>
        <source>type of section {0}</source>
        <translation>Typ des Abschnitts {0}</translation>
    </message>
    <message>
        <source>Loader of {0}</source>
        <translation>Lader von {0}</translation>
    </message>
    <message>
        <source>Loader: recognised by its files</source>
        <translation>Lader: an den Dateien erkannt</translation>
    </message>
    <message>
        <source>Loader: {0}</source>
        <translation>Lader: {0}</translation>
    </message>
    <message>
        <source>Loader</source>
        <translation>Lader</translation>
    </message>
    <message>
        <source>What loads {0}:</source>
        <translation>Was {0} lädt:</translation>
    </message>
    <message>
        <source>loader of {0}</source>
        <translation>Lader von {0}</translation>
    </message>
    <message>
        <source>infer other architectures</source>
        <translation>auf andere Architekturen folgern</translation>
    </message>
    <message>
        <source>Add a census or the running system: it says what runs</source>
        <translation>Eine Erhebung oder das laufende System hinzufügen: das sagt, was läuft</translation>
    </message>
    <message>
        <source>judge only what runs</source>
        <translation>nur beurteilen, was läuft</translation>
    </message>
</context>
<context>
    <name>Standing</name>
    <message>
        <source>Showing {0}: the inputs have changed since</source>
        <translation>Zeigt {0}: Die Eingaben wurden seither geändert</translation>
    </message>
    <message>
        <source>Showing {0} while {1} is analysed: {2}</source>
        <translation>Zeigt {0}, während {1} analysiert wird: {2}</translation>
    </message>
    <message>
        <source>Cancelled: {0} of {1} architectures analysed; not {2}</source>
        <translation>Abgebrochen: {0} von {1} Architekturen analysiert; nicht {2}</translation>
    </message>
    <message>
        <source>{0} ready; {1}</source>
        <translation>{0} fertig; {1}</translation>
    </message>
    <message>
        <source>Analysing again: {0}</source>
        <translation>Neue Analyse: {0}</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} von {1}</translation>
    </message>
    <message>
        <source>about {0} s left</source>
        <translation>noch etwa {0} s</translation>
    </message>
    <message>
        <source>about {0} min left</source>
        <translation>noch etwa {0} min</translation>
    </message>
    <message>
        <source>starting</source>
        <translation>beginnt</translation>
    </message>
    <message>
        <source> and {0} more</source>
        <translation> und {0} weitere</translation>
    </message>
</context>
<context>
    <name>StateBar</name>
    <message>
        <source>Cancel  Esc</source>
        <translation>Abbrechen  Esc</translation>
    </message>
    <message>
        <source>Analyse  F5</source>
        <translation>Analysieren  F5</translation>
    </message>
</context>
<context>
    <name>Store</name>
    <message>
        <source>filter {0}</source>
        <translation>Filter {0}</translation>
    </message>
    <message>
        <source>drop filter {0}</source>
        <translation>Filter {0} entfernen</translation>
    </message>
    <message>
        <source>clear filters</source>
        <translation>Filter leeren</translation>
    </message>
    <message>
        <source>show {0}</source>
        <translation>{0} zeigen</translation>
    </message>
</context>
<context>
    <name>SummaryStrip</name>
    <message>
        <source>Not judged yet</source>
        <translation>Noch nicht beurteilt</translation>
    </message>
    <message>
        <source>program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>programs</source>
        <translation>Programme</translation>
    </message>
    <message>
        <source>all {0} programs work as before</source>
        <translation>alle {0} Programme laufen wie zuvor</translation>
    </message>
    <message>
        <source>no program was judged</source>
        <translation>kein Programm wurde beurteilt</translation>
    </message>
    <message>
        <source>break</source>
        <translation>brechen</translation>
    </message>
    <message>
        <source>breaks</source>
        <translation>bricht</translation>
    </message>
    <message>
        <source>{0}, on {1}</source>
        <translation>{0}, auf {1}</translation>
    </message>
    <message>
        <source>{0}, on {1} of {2} architectures</source>
        <translation>{0} auf {1} von {2} Architekturen</translation>
    </message>
    <message>
        <source>{0} more affected</source>
        <translation>{0} weitere betroffen</translation>
    </message>
    <message>
        <source>{0} not checked</source>
        <translation>{0} nicht geprüft</translation>
    </message>
    <message>
        <source>everything checked</source>
        <translation>alles geprüft</translation>
    </message>
    <message>
        <source>WHAT-IF</source>
        <translation>WAS WÄRE WENN</translation>
    </message>
    <message>
        <source>Deciding…</source>
        <translation>Entscheidung…</translation>
    </message>
    <message>
        <source>tolerated by waivers: {0}</source>
        <translation>durch Ausnahmen geduldet: {0}</translation>
    </message>
</context>
<context>
    <name>TimelineModel</name>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Source</source>
        <translation>Quelle</translation>
    </message>
    <message>
        <source>first bad step</source>
        <translation>erster schlechter Schritt</translation>
    </message>
    <message>
        <source>prototype changed</source>
        <translation>Prototyp geändert</translation>
    </message>
    <message>
        <source>tables</source>
        <translation>Tabellen</translation>
    </message>
    <message>
        <source>kernels {0}</source>
        <translation>Kernel {0}</translation>
    </message>
    <message>
        <source>source: {0}</source>
        <translation>Quelle: {0}</translation>
    </message>
    <message>
        <source>the first step at which this happens</source>
        <translation>der erste Schritt, bei dem dies geschieht</translation>
    </message>
    <message>
        <source>prototype changed since the release before in this row</source>
        <translation>Prototyp geändert seit der Version davor in dieser Zeile</translation>
    </message>
</context>
<context>
    <name>TimelineView</name>
    <message>
        <source>Timeline of programs and of what they need</source>
        <translation>Zeitachse der Programme und ihres Bedarfs</translation>
    </message>
    <message>
        <source>only what the upgrade touches</source>
        <translation>nur was das Upgrade betrifft</translation>
    </message>
    <message>
        <source>Search…</source>
        <translation>Suchen…</translation>
    </message>
    <message>
        <source>Search the timeline</source>
        <translation>Zeitachse durchsuchen</translation>
    </message>
    <message>
        <source>Strong: kernels loaded · pale: tables · ▶ first bad step · bar: prototype changed</source>
        <translation>Kräftig: geladene Kernel · blass: Tabellen · ▶ erster schlechter Schritt · Balken: Prototyp geändert</translation>
    </message>
    <message>
        <source>The upgrade touches nothing here.</source>
        <translation>Das Upgrade betrifft hier nichts.</translation>
    </message>
    <message>
        <source>Working it out…</source>
        <translation>Wird berechnet…</translation>
    </message>
</context>
<context>
    <name>Toolbar</name>
    <message>
        <source>Main</source>
        <translation>Haupt</translation>
    </message>
    <message>
        <source>Menu</source>
        <translation>Menü</translation>
    </message>
    <message>
        <source>Menu (Ctrl+M shows the menu bar)</source>
        <translation>Menü (Strg+M zeigt die Menüleiste)</translation>
    </message>
    <message>
        <source>Open kernels…</source>
        <translation>Kernel öffnen…</translation>
    </message>
    <message>
        <source>Add objects…</source>
        <translation>Objekte hinzufügen…</translation>
    </message>
    <message>
        <source>Old kernel</source>
        <translation>Alter Kernel</translation>
    </message>
    <message>
        <source>New kernel</source>
        <translation>Neuer Kernel</translation>
    </message>
    <message>
        <source>Analyse  F5</source>
        <translation>Analysieren  F5</translation>
    </message>
    <message>
        <source>What if…</source>
        <translation>Was wäre wenn…</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>Exportieren…</translation>
    </message>
    <message>
        <source>Choose kernel files: first the old, then the new (Ctrl+O)</source>
        <translation>Kerneldateien wählen: erst den alten, dann den neuen (Strg+O)</translation>
    </message>
    <message>
        <source>Add objects, packages or folders of them (Ctrl+Shift+A)</source>
        <translation>Objekte, Pakete oder Ordner davon hinzufügen (Strg+Umschalt+A)</translation>
    </message>
    <message>
        <source>Re-run the analysis (F5)</source>
        <translation>Analyse wiederholen (F5)</translation>
    </message>
    <message>
        <source>Assume that something is removed, changed or kept</source>
        <translation>Annehmen, dass etwas entfernt, geändert oder behalten wird</translation>
    </message>
    <message>
        <source>Write a report, or the graph as a picture (Ctrl+E)</source>
        <translation>Einen Bericht oder den Graphen als Bild schreiben (Strg+E)</translation>
    </message>
    <message>
        <source>Search programs, kfuncs…   Ctrl+F</source>
        <translation>Programme, kfuncs suchen…   Strg+F</translation>
    </message>
    <message>
        <source>Search programs, kfuncs…</source>
        <translation>Programme, kfuncs suchen…</translation>
    </message>
    <message>
        <source>Search…</source>
        <translation>Suchen…</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>Suchen</translation>
    </message>
    <message>
        <source>Hide what the search does not find</source>
        <translation>Ausblenden, was die Suche nicht findet</translation>
    </message>
    <message>
        <source>On: hide what the search does not find. Off: only mark what it finds.</source>
        <translation>An: verbirgt, was die Suche nicht findet. Aus: markiert nur, was sie findet.</translation>
    </message>
    <message>
        <source>Old</source>
        <translation>Alt</translation>
    </message>
    <message>
        <source>→ New</source>
        <translation>→ Neu</translation>
    </message>
    <message>
        <source>Kernels…</source>
        <translation>Kernel…</translation>
    </message>
    <message>
        <source>Objects…</source>
        <translation>Objekte…</translation>
    </message>
</context>
<context>
    <name>Tour</name>
    <message>
        <source>Back</source>
        <translation>Zurück</translation>
    </message>
    <message>
        <source>End the tour</source>
        <translation>Rundgang beenden</translation>
    </message>
    <message>
        <source>Finish</source>
        <translation>Fertig</translation>
    </message>
    <message>
        <source>Next</source>
        <translation>Weiter</translation>
    </message>
</context>
<context>
    <name>WaiverDialog</name>
    <message>
        <source>Waive</source>
        <translation>Ausnahme</translation>
    </message>
    <message>
        <source>Until</source>
        <translation>Bis</translation>
    </message>
    <message>
        <source>Owner</source>
        <translation>Verantwortlich</translation>
    </message>
    <message>
        <source>Reason</source>
        <translation>Grund</translation>
    </message>
</context>
<context>
    <name>WelcomePage</name>
    <message>
        <source>Which of our BPF programs break on the new kernel?</source>
        <translation>Welche unserer BPF-Programme brechen auf dem neuen Kernel?</translation>
    </message>
    <message>
        <source>Give kfuncscope two kernels and a set of BPF objects. It answers from the files alone: no root, no target machine.
Drop or paste files and folders anywhere, or choose them here.</source>
        <translation>kfuncscope braucht zwei Kernel und eine Menge BPF-Objekte. Es antwortet aus den Dateien allein: ohne root, ohne Zielrechner.
Dateien und Ordner irgendwo ablegen oder einfügen, oder hier wählen.</translation>
    </message>
    <message>
        <source>RECENT SESSIONS</source>
        <translation>LETZTE SITZUNGEN</translation>
    </message>
    <message>
        <source>package, vmlinux, image or BTF;
any number of architectures</source>
        <translation>Paket, vmlinux, Image oder BTF;
beliebig viele Architekturen</translation>
    </message>
    <message>
        <source>Old kernel</source>
        <translation>Alter Kernel</translation>
    </message>
    <message>
        <source>New kernel</source>
        <translation>Neuer Kernel</translation>
    </message>
    <message>
        <source>BPF objects</source>
        <translation>BPF-Objekte</translation>
    </message>
    <message>
        <source>objects, programs, packages;
folders of them</source>
        <translation>Objekte, Programme, Pakete;
Ordner davon</translation>
    </message>
    <message>
        <source>Open the demo</source>
        <translation>Vorführung öffnen</translation>
    </message>
    <message>
        <source>Analyse  F5</source>
        <translation>Analysieren  F5</translation>
    </message>
    <message>
        <source>real Debian kernels on five architectures, works offline</source>
        <translation>echte Debian-Kernel auf fünf Architekturen, ohne Netz</translation>
    </message>
    <message>
        <source>Start over</source>
        <translation>Von vorn</translation>
    </message>
    <message>
        <source>New session: begin with nothing</source>
        <translation>Neue Sitzung: mit nichts beginnen</translation>
    </message>
    <message>
        <source>Open session…</source>
        <translation>Sitzung öffnen…</translation>
    </message>
    <message>
        <source>Analysing: {0}   (Esc cancels)</source>
        <translation>Analyse: {0}   (Esc bricht ab)</translation>
    </message>
    <message>
        <source>kernel</source>
        <translation>Kernel</translation>
    </message>
    <message>
        <source>kernels</source>
        <translation>Kernel</translation>
    </message>
    <message>
        <source>step between</source>
        <translation>Schritt dazwischen</translation>
    </message>
    <message>
        <source>steps between</source>
        <translation>Schritte dazwischen</translation>
    </message>
    <message>
        <source>source</source>
        <translation>Quelle</translation>
    </message>
    <message>
        <source>sources</source>
        <translation>Quellen</translation>
    </message>
    <message>
        <source>Explore kernels  F5</source>
        <translation>Kernel erkunden  F5</translation>
    </message>
    <message>
        <source>Last session</source>
        <translation>Letzte Sitzung</translation>
    </message>
    <message>
        <source>saved automatically</source>
        <translation>automatisch gespeichert</translation>
    </message>
</context>
<context>
    <name>WhatIfDialog</name>
    <message>
        <source>What if…</source>
        <translation>Was wäre wenn…</translation>
    </message>
    <message>
        <source>Mark a kfunc, helper, hook, type or member as removed, changed or kept, and see which programs break. Exported results say that they are hypothetical.</source>
        <translation>Eine kfunc, einen Helper, Hook, Typ oder ein Feld als entfernt, geändert oder behalten annehmen und sehen, welche Programme brechen. Exportierte Ergebnisse sagen, dass sie angenommen sind.</translation>
    </message>
    <message>
        <source>for example: kfunc bpf_dynptr_slice, or type task_struct</source>
        <translation>zum Beispiel: kfunc bpf_dynptr_slice, oder type task_struct</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>What happens to it</source>
        <translation>Was damit geschieht</translation>
    </message>
    <message>
        <source>Assume</source>
        <translation>Annehmen</translation>
    </message>
    <message>
        <source>Assumptions</source>
        <translation>Annahmen</translation>
    </message>
    <message>
        <source>Take back</source>
        <translation>Zurücknehmen</translation>
    </message>
    <message>
        <source>Type a name first: kind and name, or the name alone where it is the only one.</source>
        <translation>Zuerst einen Namen eingeben: Art und Name, oder den Namen allein, wo er der einzige ist.</translation>
    </message>
    <message>
        <source>Unknown name “{0}”. Enter the kind and the name.</source>
        <translation>Unbekannter Name „{0}“. Art und Namen angeben.</translation>
    </message>
    <message>
        <source>No program here uses “{0}”, so nothing changes.</source>
        <translation>Kein Programm hier verwendet „{0}“, also ändert sich nichts.</translation>
    </message>
    <message>
        <source>No assumptions: this is the real result.</source>
        <translation>Keine Annahmen: dies ist das wirkliche Ergebnis.</translation>
    </message>
    <message>
        <source>is removed</source>
        <translation>wird entfernt</translation>
    </message>
    <message>
        <source>is changed</source>
        <translation>wird geändert</translation>
    </message>
    <message>
        <source>stays as it was</source>
        <translation>bleibt, wie es war</translation>
    </message>
</context>
<context>
    <name>WhatIfView</name>
    <message>
        <source>Nothing is assumed. Right-click what a program needs in the graph, or press Ctrl+Shift+W, and see which programs would break if it were removed or changed.</source>
        <translation>Nichts ist angenommen. Rechtsklick auf etwas, das ein Programm im Graphen braucht, oder Strg+Umschalt+W, und sehen, welche Programme brächen, wenn es entfernt oder geändert würde.</translation>
    </message>
</context>
<context>
    <name>Words</name>
    <message>
        <source>Breaks</source>
        <translation>Bricht</translation>
    </message>
    <message>
        <source>Silent</source>
        <translation>Still</translation>
    </message>
    <message>
        <source>Risk</source>
        <translation>Risiko</translation>
    </message>
    <message>
        <source>Degrades</source>
        <translation>Gemindert</translation>
    </message>
    <message>
        <source>Unknown</source>
        <translation>Unbekannt</translation>
    </message>
    <message>
        <source>OK</source>
        <translation>OK</translation>
    </message>
    <message>
        <source>Already broken</source>
        <translation>Schon defekt</translation>
    </message>
    <message>
        <source>Already</source>
        <translation>Schon</translation>
    </message>
    <message>
        <source>Fixed</source>
        <translation>Behoben</translation>
    </message>
    <message>
        <source>no longer loads or attaches</source>
        <translation>lädt nicht mehr oder lässt sich nicht mehr anhängen</translation>
    </message>
    <message>
        <source>loads, but reads or does the wrong thing</source>
        <translation>lädt, liest oder tut aber das Falsche</translation>
    </message>
    <message>
        <source>meaning changed: may be rejected, or behave differently</source>
        <translation>Bedeutung geändert: wird vielleicht abgelehnt oder verhält sich anders</translation>
    </message>
    <message>
        <source>loads, but a guarded feature is lost</source>
        <translation>lädt, aber eine abgesicherte Funktion geht verloren</translation>
    </message>
    <message>
        <source>cannot be decided from these files</source>
        <translation>aus diesen Dateien nicht zu entscheiden</translation>
    </message>
    <message>
        <source>works as before</source>
        <translation>läuft wie bisher</translation>
    </message>
    <message>
        <source>fails on the old kernel too</source>
        <translation>scheitert auch auf dem alten Kernel</translation>
    </message>
    <message>
        <source>failed on the old kernel, works on the new one</source>
        <translation>scheiterte auf dem alten Kernel, läuft auf dem neuen</translation>
    </message>
    <message>
        <source>Upgrade blocked</source>
        <translation>Upgrade blockiert</translation>
    </message>
    <message>
        <source>Upgrade needs work</source>
        <translation>Upgrade braucht Arbeit</translation>
    </message>
    <message>
        <source>Upgrade not fully checked</source>
        <translation>Upgrade nicht ganz geprüft</translation>
    </message>
    <message>
        <source>Upgrade clear</source>
        <translation>Upgrade frei</translation>
    </message>
    <message>
        <source>Breaks at attach</source>
        <translation>Bricht beim Anhängen</translation>
    </message>
    <message>
        <source>Breaks at load</source>
        <translation>Bricht beim Laden</translation>
    </message>
    <message>
        <source>Silently different</source>
        <translation>Still anders</translation>
    </message>
    <message>
        <source>Meaning changed</source>
        <translation>Bedeutung geändert</translation>
    </message>
    <message>
        <source>A feature is lost</source>
        <translation>Eine Funktion geht verloren</translation>
    </message>
    <message>
        <source>Fixed by the upgrade</source>
        <translation>Durch das Upgrade behoben</translation>
    </message>
    <message>
        <source>Works as before</source>
        <translation>Läuft wie bisher</translation>
    </message>
    <message>
        <source>only affected</source>
        <translation>nur Betroffenes</translation>
    </message>
    <message>
        <source>runs somewhere</source>
        <translation>läuft irgendwo</translation>
    </message>
    <message>
        <source>≠ kernel disagrees</source>
        <translation>≠ Kernel widerspricht</translation>
    </message>
    <message>
        <source>around {0}</source>
        <translation>um {0}</translation>
    </message>
    <message>
        <source>works</source>
        <translation>läuft</translation>
    </message>
    <message>
        <source>breaks</source>
        <translation>bricht</translation>
    </message>
    <message>
        <source>silently different</source>
        <translation>still anders</translation>
    </message>
    <message>
        <source>risk</source>
        <translation>Risiko</translation>
    </message>
    <message>
        <source>degrades</source>
        <translation>schwächer</translation>
    </message>
    <message>
        <source>unknown</source>
        <translation>unbekannt</translation>
    </message>
    <message>
        <source>still fails</source>
        <translation>scheitert weiter</translation>
    </message>
    <message>
        <source>works again</source>
        <translation>läuft wieder</translation>
    </message>
    <message>
        <source>not judged</source>
        <translation>nicht beurteilt</translation>
    </message>
    <message>
        <source>fails</source>
        <translation>scheitert</translation>
    </message>
    <message>
        <source>present</source>
        <translation>vorhanden</translation>
    </message>
    <message>
        <source>absent</source>
        <translation>fehlt</translation>
    </message>
    <message>
        <source>no longer registered</source>
        <translation>nicht mehr registriert</translation>
    </message>
    <message>
        <source>unregistered</source>
        <translation>abgemeldet</translation>
    </message>
    <message>
        <source>dropped</source>
        <translation>entfallen</translation>
    </message>
    <message>
        <source>changed</source>
        <translation>geändert</translation>
    </message>
</context>
<context>
    <name>_Names</name>
    <message>
        <source>Names of the rows</source>
        <translation>Namen der Zeilen</translation>
    </message>
</context>
</TS>
